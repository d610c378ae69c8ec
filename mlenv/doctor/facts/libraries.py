"""Places and requirements of shared libraries, read from ELF files. Nothing is loaded."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

# Names of libraries that CTranslate2 opens at run time begin like this, in its own file.
_STEMS = (b"libcublas.so.", b"libcudnn.so.")

# The libraries of a cuDNN or CUDA stack of which there must not be several in one process.
FAMILIES = (
    *("libcudnn", "libcublas", "libnvJitLink", "libnvrtc", "libcudart", "libcusparse"),
    *("libcusolver", "libcufft", "libcurand", "libcupti", "libnccl"),
)

_LIBRARY = re.compile(r"(lib[\w+-]+?)(?:-[0-9a-f]{8})?\.so\.(\d+)")
SEGMENTS = 1000  # of one file; real ones have a dozen

# Files below site-packages whose ELF headers are read.
_EXAMINED = ("ctranslate2/_ext*.so", "ctranslate2.libs/*.so*")
# Those of torch and its companions that are linked against libraries of CUDA.
_LINKED = (
    *("torch/lib/libtorch_cuda.so", "torch/lib/libtorch_cpu.so", "torch/lib/libc10_cuda.so"),
    *("torchaudio/lib/libtorchaudio.so", "torchvision/_C.so"),
)


@dataclass(frozen=True, slots=True)
class Elf:
    """Requirements of one ELF file to the loader.

    `needed`: the libraries that it is linked against. `error`: why it can't be read.
    """

    file: str
    executable_stack: bool = False
    needed: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of one of the FAMILIES.

    `place`: `wheel`, `torch` (bundled in a package), `elsewhere` (another directory with packages),
    `library-path`, `cache` (the loader's), `toolkit` or `conda`. `size` is None for a dangling
    link.
    """

    file: str
    origin: str
    real: str
    size: int | None = None

    @property
    def name(self) -> str:
        return self.file.rpartition("/")[2]

    @property
    def directory(self) -> str:
        return self.file.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Linkage:
    """The libraries of an environment.

    `ctranslate2_cudnn`: the front library bundled in CTranslate2's wheel (4.0 to 4.6.2).
    `wheel_cudnn`: the front library of the cuDNN wheel, which torch is linked against. `elves`
    (of CTranslate2) and `linked` (of torch and its companions): empty until `with_elves` has read
    them, and in a quick look.
    """

    ctranslate2_cudnn: str = ""
    wheel_cudnn: str = ""
    ctranslate2_opens: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()
    elves: tuple[Elf, ...] = ()
    linked: tuple[Elf, ...] = ()

    def in_environment(self, stem: str) -> tuple[Copy, ...]:
        """The environment's own files named `STEM.so*`."""
        return tuple(
            copy
            for copy in self.copies
            if copy.origin in ("wheel", "torch") and copy.name.startswith(stem + ".so")
        )


def read(
    packages: Path,
    others: Iterable[Path],
    library_paths: Iterable[str],
    cache: Iterable[str],
    conda: str,
) -> Linkage:
    """List the libraries of an environment.

    `others`: further directories with packages. `library_paths`: the directories on
    LD_LIBRARY_PATH in any examined environment. `cache`: the files in the loader's cache.
    """
    bundled = sorted(packages.glob("ctranslate2.libs/libcudnn-*.so*"))
    library = next(iter(sorted(packages.glob("ctranslate2.libs/libctranslate2-*.so*"))), None)
    fronts = [
        *sorted(packages.glob("nvidia/cudnn/lib/libcudnn.so.*")),
        *sorted(packages.glob("torch/lib/libcudnn.so.*")),
    ]
    return Linkage(
        os.path.realpath(bundled[0]) if bundled else "",
        str(fronts[0]) if fronts else "",
        _opened(library) if library else (),
        _copies(packages, others, library_paths, cache, conda),
    )


def with_elves(linkage: Linkage, packages: Path) -> Linkage:
    """Add what the headers of the ELF files say."""

    def read(patterns: Iterable[str]) -> tuple[Elf, ...]:
        files = [file for pattern in patterns for file in sorted(packages.glob(pattern))]
        return tuple(elf(file) for file in files if not file.is_symlink())

    return replace(linkage, elves=read(_EXAMINED), linked=read(_LINKED))


def elf(file: Path) -> Elf:
    """Read the program headers and the dynamic section of one file."""
    from elftools.elf.dynamic import DynamicSegment  # slow to import
    from elftools.elf.elffile import ELFFile

    stack, needed = False, []
    try:
        with file.open("rb") as content:
            for segment in islice(ELFFile(content).iter_segments(), SEGMENTS):
                if segment["p_type"] == "PT_GNU_STACK":
                    stack = bool(segment["p_flags"] & 1)
                if isinstance(segment, DynamicSegment):
                    tags = islice(segment.iter_tags("DT_NEEDED"), SEGMENTS)
                    needed += [str(vars(tag)["needed"]) for tag in tags]
    except Exception as error:  # whatever stands in it, it is no file that can be loaded
        return Elf(str(file), error=f"{type(error).__name__}: {error}")
    return Elf(str(file), stack, tuple(needed))


def loader_name(name: str) -> tuple[str, str]:
    """A library's name and major: what the loader compares."""
    match = _LIBRARY.match(name)
    return (match[1], match[2]) if match else (name, "")


def folder(file: str) -> str:
    """The directory of a file, by its name alone."""
    return file.rpartition("/")[0]


def file_name(file: str) -> str:
    """The name of a file without its directory."""
    return file.rpartition("/")[2]


def _opened(file: Path) -> tuple[str, ...]:
    """Names of CUDA libraries in a file's bytes, which are read once."""
    names = set()
    try:
        with (
            file.open("rb") as content,
            mmap.mmap(content.fileno(), 0, prot=mmap.PROT_READ) as data,
        ):
            for stem in _STEMS:
                at = data.find(stem)
                while at >= 0:
                    if match := re.match(rb"[\w.]+", data[at : at + 40]):
                        names.add(match[0].decode())
                    at = data.find(stem, at + 1)
    except (OSError, ValueError):
        return ()
    return tuple(sorted(names))


def _copies(
    packages: Path,
    others: Iterable[Path],
    library_paths: Iterable[str],
    cache: Iterable[str],
    conda: str,
) -> tuple[Copy, ...]:
    """Every copy of a library of the FAMILIES; each file counts for its first place."""
    toolkits = (*Path("/usr/local").glob("cuda*/lib64"), *Path("/opt").glob("cuda*/lib64"))
    places: tuple[tuple[str, Iterable[Path]], ...] = (
        ("wheel", sorted(packages.glob("nvidia/*/lib/*.so*"))),
        ("torch", (*packages.glob("torch/lib/*.so*"), *packages.glob("ctranslate2.libs/*.so*"))),
        ("elsewhere", (f for each in others for f in sorted(each.glob("nvidia/*/lib/*.so*")))),
        ("library-path", (file for path in library_paths for file in _listed(Path(path)))),
        ("cache", map(Path, cache)),
        ("conda", _listed(Path(conda) / "lib") if conda else ()),
        ("toolkit", (file for directory in toolkits for file in _listed(directory))),
    )
    copies: dict[str, Copy] = {}
    for place, files in places:
        for file in files:
            if file.name.startswith(FAMILIES) and ".so" in file.name and str(file) not in copies:
                copies[str(file)] = Copy(str(file), place, os.path.realpath(file), _size(file))
    return tuple(copies.values())


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _listed(directory: Path) -> Sequence[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return ()
