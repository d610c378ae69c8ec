"""Files of the user that decide: disks, caches, the hub's cache, the working directory."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlenv.doctor.facts.model_files import NAMES, fault, unlike_its_name
from mlenv.environment import generations
from mlenv.machine import hub_cache

_LIBRARY = re.compile(r"lib[\w+.-]+\.so(\.\d+)*$")
SHARED_MEMORY = Path("/dev/shm")

# Modules that a file of the user's in the working directory would hide.
SHADOWED = (
    *("torch", "torchvision", "torchaudio", "torchcodec", "ctranslate2", "faster_whisper"),
    *("whisper", "whisperx", "pyannote", "numpy", "av", "onnxruntime", "huggingface_hub"),
    *("transformers", "lightning", "soundfile"),
)


@dataclass(frozen=True, slots=True)
class Disk:
    """Free bytes of the file system that holds `path`; `use` says what is written there."""

    use: str
    path: str
    free: int | None


@dataclass(frozen=True, slots=True)
class Cache:
    """A cache directory.

    `exists` is its own; `writable` that of it or of the nearest directory above that exists;
    `owner` is a uid.
    """

    use: str
    path: str
    exists: bool
    writable: bool
    owner: int | None


@dataclass(frozen=True, slots=True)
class Partial:
    """A model file that is not whole.

    `what`: `incomplete` (a download that stopped), `dangling` (a link to nothing), `missing`,
    `unreadable`, `empty`, `cut`, `other` (of another size), `invalid` (not what its name says),
    `changed` (other bytes than the hub named), or
    what stands in its place: `pointer` (of Git LFS), `page` (HTML), `error`
    (of a server, JSON or XML), `zeros`. `resumes`: see `ModelFile`.
    """

    file: str
    what: str
    model: str
    resumes: str = ""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file of a model that is on this machine, at least in part, and the bytes it should have.

    `resumes`: the folder where a download of the model goes on with the files that are there.
    """

    file: str
    size: int
    model: str
    resumes: str = ""


@dataclass(frozen=True, slots=True)
class Files:
    """The user's files; `shadows` and `libraries` are those in the working directory."""

    disks: tuple[Disk, ...] = ()
    caches: tuple[Cache, ...] = ()
    models: tuple[str, ...] = ()
    partial: tuple[Partial, ...] = ()
    shadows: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    token: str = ""
    programs: Mapping[str, str] | None = None
    uid: int = 0

    def program(self, name: str) -> str:
        """The path of a program on PATH, or an empty text."""
        return (self.programs or {}).get(name, "")


def read(
    environ: Mapping[str, str], venv: Path, directory: Path, models: Sequence[ModelFile] = ()
) -> Files:
    """Look at the user's files.

    `directory` is where programs are started: the working directory. `models`: files of models
    whose sizes are known.
    """
    cache, hub = hub_cache.user_cache(environ), hub_cache.cache(environ)
    places = {
        "Hugging Face hub": hub,
        "torch": Path(environ.get("TORCH_HOME") or cache / "torch"),
        "uv": Path(environ.get("UV_CACHE_DIR") or cache / "uv"),
    }
    temporary = Path(environ.get("TMPDIR") or tempfile.gettempdir())
    disks = {"environment": venv, "model cache": hub, "temporary files": temporary}
    if os.path.isdir(SHARED_MEMORY):  # noqa: PTH112 (never raises)
        disks["shared memory"] = SHARED_MEMORY
    if (store := generations.store(venv)).is_dir() and os.access(store, os.W_OK):
        places["environment"] = store
    if environ.get("TMPDIR"):
        places["temporary files"] = temporary
    return Files(
        tuple(Disk(use, str(path), _free(path)) for use, path in disks.items()),
        tuple(_cache(use, path) for use, path in places.items()),
        tuple(sorted(folder.name for folder in _folders(hub, "models--*"))),
        tuple(_partial(hub, models)),
        tuple(_shadows(directory)),
        tuple(_libraries(directory)),
        hub_cache.token_place(environ),
        {
            name: shutil.which(name, path=environ.get("PATH", os.defpath)) or ""
            for name in ("ffmpeg", "ffprobe", "nvidia-smi", "nvidia-ctk", "docker")
        },
        os.getuid(),
    )


def _nearest(path: Path) -> Path:
    # os.path, not Path: a folder that may not be read raises nothing
    return next((place for place in (path, *path.parents) if os.path.exists(place)), Path("/"))  # noqa: PTH110


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(_nearest(path)).free
    except OSError:
        return None


def _cache(use: str, path: Path) -> Cache:
    nearest = _nearest(path)
    try:
        owner = nearest.stat().st_uid
    except OSError:
        owner = None
    exists = os.path.isdir(path)  # noqa: PTH112 (never raises)
    if exists and owner == os.getuid() and (other := _foreign(path)):
        return Cache(use, str(other), True, False, other.stat().st_uid)
    return Cache(use, str(path), exists, os.access(nearest, os.W_OK | os.X_OK), owner)


def _foreign(directory: Path) -> Path | None:
    """A folder of another user in this user's `directory`, such as root's by `sudo -E`."""
    for pattern in ("*/", "*/*/"):
        for folder in _folders(directory, pattern):
            try:
                if folder.stat().st_uid != os.getuid() and not os.access(folder, os.W_OK):
                    return folder
            except OSError:
                continue
    return None


def _folders(directory: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from (found for found in directory.glob(pattern) if found.is_dir())
    except OSError:
        return


def _partial(hub: Path, models: Sequence[ModelFile]) -> Iterator[Partial]:
    """Broken files of models, each once."""
    by_file = {partial.file: partial for partial in _of_hub(hub)}
    for each in models:
        if what := _unlike(each):
            by_file[each.file] = Partial(each.file, what, each.model, each.resumes)
    yield from by_file.values()


def _unlike(expected: ModelFile) -> str:
    """The fault of a file whose size is known, or an empty text."""
    try:
        size = Path(expected.file).stat().st_size
    except OSError:
        return "missing"
    if size == expected.size:
        return ""
    return fault(Path(expected.file)) or ("cut" if size < expected.size else "other")


def _of_hub(hub: Path) -> Iterator[Partial]:
    """Broken files of the hub's cache: models--OWNER--NAME/{blobs,snapshots}."""
    for folder in sorted(_folders(hub, "models--*")):
        model = folder.name.removeprefix("models--").replace("--", "/")
        try:
            for blob in sorted(folder.glob("blobs/*.incomplete")):
                yield Partial(str(blob), "incomplete", model)
            for link in sorted(folder.glob("snapshots/*/**/*")):
                if link.is_symlink() and not link.exists():
                    yield Partial(str(link), "dangling", model)
                elif link.name.endswith(NAMES) and link.is_file() and (what := _fault(link)):
                    yield Partial(str(link), what, model)
        except OSError:
            continue


def _fault(link: Path) -> str:
    """The fault of a file in a snapshot, which is a link to a blob where the system has links."""
    if what := fault(link):
        return what
    return "changed" if link.is_symlink() and unlike_its_name(link.resolve()) else ""


def _libraries(directory: Path) -> Iterator[str]:
    """Libraries in the working directory, by names that the loader looks for."""
    with contextlib.suppress(OSError):
        names = sorted(os.listdir(directory))  # noqa: PTH208 (names are all that is wanted)
        yield from (str(directory / name) for name in names if _LIBRARY.match(name))


def _shadows(directory: Path) -> Iterator[str]:
    for name in SHADOWED:
        for file in (directory / f"{name}.py", directory / name / "__init__.py"):
            if os.path.isfile(file):  # noqa: PTH113
                yield str(file)
