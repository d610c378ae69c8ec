"""Which libraries lie where and what they ask for, read from ELF files. Nothing is loaded."""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

# Names of libraries that CTranslate2 opens at run time begin like this, in its own file.
_STEMS = (b"libcublas.so.", b"libcudnn.so.")

# The libraries of a cuDNN or CUDA stack of which there must not be several in one process.
FAMILIES = (
    *("libcudnn", "libcublas", "libnvJitLink", "libnvrtc", "libcudart", "libcusparse"),
    *("libcusolver", "libcufft", "libcurand", "libcupti", "libnccl"),
)

# Files whose linkage decides, below site-packages.
_EXAMINED = (
    "torch/lib/libtorch_cuda.so",
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libtorch_global_deps.so",
    "torchaudio/lib/*.so",
    "torchaudio/_extension/*.so",
    "torchvision/*.so",
    "torchcodec/*.so*",
    "ctranslate2/_ext*.so",
    "ctranslate2.libs/*.so*",
    "onnxruntime/capi/*.so*",
    "flash_attn*.so",
    "xformers/*.so",
    "bitsandbytes/*.so",
)


@dataclass(frozen=True, slots=True)
class Elf:
    """What one ELF file asks of the loader. `error`: why it can't be read as one.

    `glibc`, `glibcxx`: the newest version node that it needs of each, such as `2.28`.
    `opens`: names of libraries that it opens at run time.
    """

    file: str
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    executable_stack: bool = False
    glibc: str = ""
    glibcxx: str = ""
    opens: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of one of the FAMILIES and where it was found: `wheel`, `torch` (bundled in a
    package), `elsewhere` (another directory with packages), `library-path`, `cache` (the
    loader's), `toolkit` or `conda`. `size` is None for a dangling link."""

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
    """`ctranslate2_cudnn`: the front library bundled in CTranslate2's wheel (4.0 to 4.6.2).
    `wheel_cudnn`: the front library of the cuDNN wheel, which torch is linked against.
    `elves`: empty until `with_elves` has read them, and in a quick look."""

    ctranslate2_cudnn: str = ""
    wheel_cudnn: str = ""
    ctranslate2_opens: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()
    elves: tuple[Elf, ...] = ()

    def elf(self, end: str) -> Elf | None:
        return next((elf for elf in self.elves if elf.file.endswith(end)), None)

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
    """`others`: further directories with packages. `library_paths`: the directories on
    LD_LIBRARY_PATH in any environment that is examined. `cache`: the files in the loader's
    cache."""
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
    """The same with the ELF files read, which takes a quarter of a second."""
    files = [file for pattern in _EXAMINED for file in sorted(packages.glob(pattern))]
    return replace(linkage, elves=tuple(elf(file) for file in files if not file.is_symlink()))


def elf(file: Path) -> Elf:
    """The linkage of one file."""
    from elftools.common.exceptions import ELFError  # slow to import
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    found: dict[str, list[str]] = {"needed": [], "rpath": [], "runpath": [], "soname": []}
    versions: dict[str, list[str]] = {"GLIBC": [], "GLIBCXX": []}
    executable_stack = False
    try:
        with file.open("rb") as content:
            image = ELFFile(content)
            for segment in image.iter_segments():
                if segment["p_type"] == "PT_GNU_STACK":
                    executable_stack = bool(segment["p_flags"] & 1)
                elif isinstance(segment, DynamicSegment):
                    for tag in segment.iter_tags():
                        kind = str(tag.entry.d_tag).removeprefix("DT_").lower()
                        if kind in found:
                            found[kind].append(getattr(tag, kind))
            for section in image.iter_sections("SHT_GNU_verneed"):
                if isinstance(section, GNUVerNeedSection):
                    for _, nodes in section.iter_versions():
                        for node in nodes:
                            name, _, version = node.name.partition("_")
                            if name in versions and version[:1].isdigit():
                                versions[name].append(version)
    except (OSError, ELFError, ValueError, KeyError, AttributeError, UnicodeError) as error:
        return Elf(str(file), error=f"{type(error).__name__}: {error}")
    return Elf(
        str(file),
        (found["soname"] or [""])[0],
        tuple(found["needed"]),
        tuple(e for value in found["rpath"] for e in value.split(":") if e),
        tuple(e for value in found["runpath"] for e in value.split(":") if e),
        executable_stack,
        max(versions["GLIBC"], key=numbers, default=""),
        max(versions["GLIBCXX"], key=numbers, default=""),
    )


def numbers(version: str) -> tuple[int, ...]:
    """`2.28` as numbers, for comparing."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def folder(file: str) -> str:
    """The directory of a file, by its name alone."""
    return file.rpartition("/")[0]


def _opened(file: Path) -> tuple[str, ...]:
    """The names of CUDA libraries in a file's text, found without reading all of it twice."""
    names = set()
    try:
        with file.open("rb") as content, mmap.mmap(content.fileno(), 0, prot=mmap.PROT_READ) as all:
            for stem in _STEMS:
                at = all.find(stem)
                while at >= 0:
                    if found := re.match(rb"[\w.]+", all[at : at + 40]):
                        names.add(found[0].decode())
                    at = all.find(stem, at + 1)
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
    found: dict[str, Copy] = {}

    def add(file: Path, origin: str) -> None:
        if file.name.startswith(FAMILIES) and ".so" in file.name and str(file) not in found:
            try:
                size = file.stat().st_size
            except OSError:
                size = None
            found[str(file)] = Copy(str(file), origin, os.path.realpath(file), size)

    for file in sorted(packages.glob("nvidia/*/lib/*.so*")):
        add(file, "wheel")
    for file in [*packages.glob("torch/lib/*.so*"), *packages.glob("ctranslate2.libs/*.so*")]:
        add(file, "torch")
    for other in others:
        for file in sorted(other.glob("nvidia/*/lib/*.so*")):
            add(file, "elsewhere")
    for path in library_paths:
        for file in _listed(Path(path)):
            add(file, "library-path")
    for cached in cache:
        add(Path(cached), "cache")
    if conda:
        for file in _listed(Path(conda) / "lib"):
            add(file, "conda")
    for directory in (*Path("/usr/local").glob("cuda*/lib64"), *Path("/opt").glob("cuda*/lib64")):
        for file in _listed(directory):
            add(file, "toolkit")
    return tuple(found.values())


def _listed(directory: Path) -> Sequence[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return ()
