"""Generations: complete, immutable venvs beside the activation that points to one of them.

For the environment `~/.venvs/ml`:

    ~/.venvs/ml                                   a symlink, the activation
    ~/.venvs/.ml.mlenv/generations/001-cu124-6f1b0c2a/   one generation
    ~/.venvs/ml.before-mlenv                      what was there before mlenv, if anything

A generation is built at the place where it stays, because a venv knows its own path. Its record
`mlenv.json` is written last: a directory without one is no generation but the rest of a
build that was cut short.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from mlenv import __version__
from mlenv.files import check_schema, decode, exclusive, sha256, write_atomically
from mlenv.progress import Progress
from mlenv.result import MlenvError

if TYPE_CHECKING:
    from mlenv.environment.lockfile.locks import Lock
    from mlenv.environment.lockfile.profiles import Profile

RECORD = "mlenv.json"
SCHEMA = 2  # of the record; the first had no number
PREVIOUS = "previous"  # in the store: a link to what was active before the present


class Generation(Struct, frozen=True, kw_only=True):
    """One generation, as its record says.

    `distributions` are its `.dist-info` folders; `libraries` counts the files of each folder
    of shared libraries, by its path below site-packages. `path` and `name` are not in the file.
    """

    path: Path
    number: int
    profile: str
    profile_path: str
    profile_sha256: str
    lock_path: str
    lock_sha256: str
    python: str
    created: str
    mlenv: str
    distributions: tuple[str, ...]
    libraries: dict[str, int]
    name: str

    def lock_unchanged(self) -> bool:
        """Compare the lock with the one it was built from; a missing lock counts as unchanged."""
        return sha256(Path(self.lock_path)) in (None, self.lock_sha256)

    def inputs_unchanged(self) -> bool:
        """Compare profile and lock, byte for byte, with those that it was built from."""
        return (sha256(Path(self.profile_path)), sha256(Path(self.lock_path))) == (
            self.profile_sha256,
            self.lock_sha256,
        )

    def drift(self) -> tuple[str, ...]:
        """Differences from the record in interpreter, distributions and number of libraries."""
        if not (self.path / "bin" / "python").exists():
            return (f"its interpreter is gone ({self.path / 'bin' / 'python'})",)
        here, recorded = set(distributions(self.path)), set(self.distributions)
        present = libraries(self.path)
        return tuple(
            [f"{name} is missing" for name in sorted(recorded - here)]
            + [f"{name} was added" for name in sorted(here - recorded)]
            + [
                f"{folder} has {present.get(folder, 0)} files, not {count}"
                for folder, count in self.libraries.items()
                if present.get(folder, 0) != count
            ]
        )


def store(venv: Path) -> Path:
    """The directory with everything of one environment but its activation."""
    return venv.parent / f".{venv.name}.mlenv"


def distributions(venv: Path) -> tuple[str, ...]:
    """The installed distributions, as `name-version`: one directory listing, no parsing."""
    directories = venv.glob("lib/python3*/site-packages/*.dist-info")
    return tuple(sorted(path.name.removesuffix(".dist-info") for path in directories))


def libraries(venv: Path) -> dict[str, int]:
    """Number of files in each folder of shared libraries: a few listings, no reading."""
    packages = next(iter(sorted(venv.glob("lib/python3*/site-packages"))), None)
    if packages is None:
        return {}
    folders = [
        *packages.glob("nvidia/*/lib"),
        *packages.glob("*.libs"),
        *packages.glob("torch/lib"),
    ]
    return {
        folder.relative_to(packages).as_posix(): sum(1 for _ in folder.iterdir())
        for folder in sorted(folders)
    }


def read(path: Path) -> Generation | None:
    """The generation at `path`; None if there is no record, so no generation.

    Records of earlier versions of mlenv are read, and unknown fields of a later one are ignored.
    Raises `MlenvError` (code `bad-record`) for a damaged record or one of a later schema.
    """
    file = path / RECORD
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise MlenvError("bad-record", f"{file} can't be read: {error.strerror}.") from error
    fields = decode(content, dict[str, Any], file)
    check_schema(fields.get("schema", 1), SCHEMA, file)
    place = {"path": os.fspath(path), "name": path.name}
    try:
        return msgspec.convert({**fields, **place}, Generation, dec_hook=lambda kind, x: kind(x))
    except msgspec.ValidationError as error:
        raise MlenvError(
            "bad-record",
            f"{file} is damaged: {error}.",
            "The packages beside it are untouched. `mlenv rollback` goes to another generation, "
            "`mlenv install PROFILE` builds a new one.",
        ) from error


def all_of(venv: Path) -> tuple[Generation, ...]:
    """Every complete generation with a readable record, the oldest first."""
    return tuple(each for each in _records(venv) if isinstance(each, Generation))


def unreadable(venv: Path) -> tuple[MlenvError, ...]:
    """The errors of generations whose records can't be read."""
    return tuple(each for each in _records(venv) if isinstance(each, MlenvError))


def _records(venv: Path) -> Iterator[Generation | MlenvError]:
    for folder in sorted((store(venv) / "generations").glob("*/")):
        try:
            if generation := read(folder):
                yield generation
        except MlenvError as error:
            yield error


def active(venv: Path) -> Generation | None:
    """The generation that the activation points to; None for anything that is not ours.

    Raises `MlenvError` where it is ours and its record can't be read.
    """
    return read(venv.resolve()) if venv.is_symlink() else None


def is_activation(venv: Path) -> bool:
    """Recognise our symlink, even if its generation is gone."""
    return venv.is_symlink() and (venv.parent / venv.readlink()).is_relative_to(
        store(venv) / "generations"
    )


def next_path(venv: Path, profile: Profile, lock: Lock) -> Path:
    """The directory of the next generation. The numbers only grow."""
    folder = store(venv) / "generations"
    numbers = [int(path.name[:3]) for path in folder.glob("[0-9][0-9][0-9]-*")]
    return folder / f"{max(numbers, default=0) + 1:03d}-{profile.name}-{lock.sha256[:8]}"


def build(venv: Path, profile: Profile, lock: Lock, fill: Callable[[Path], None]) -> Generation:
    """Make a generation: `fill` puts a complete venv at the path it is given.

    Whatever stops `fill`, the directory goes away and nothing else has changed.
    """
    path = next_path(venv, profile, lock)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill(path)
        record = {
            "schema": SCHEMA,
            "number": int(path.name[:3]),
            "profile": profile.name,
            "profile_path": os.fspath(profile.path),
            "profile_sha256": sha256(profile.path),
            "lock_path": os.fspath(lock.path),
            "lock_sha256": lock.sha256,
            "python": os.fspath((path / "bin" / "python").resolve()),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "mlenv": __version__,
            "distributions": list(distributions(path)),
            "libraries": libraries(path),
        }
        write_atomically(path / RECORD, json.dumps(record, indent=1) + "\n")
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    made = read(path)
    assert made is not None
    return made


def remove_unfinished(venv: Path) -> tuple[Path, ...]:
    """Remove the directories of builds that were killed. Call it under `locked`."""
    folders = (store(venv) / "generations").glob("*/")
    unfinished = tuple(folder for folder in folders if not (folder / RECORD).is_file())
    for folder in unfinished:
        shutil.rmtree(folder, ignore_errors=True)
    return unfinished


def switch(venv: Path, generation: Path) -> Path | None:
    """Point the activation to `generation`, in one atomic step.

    Anything at `venv` that mlenv did not make (a directory, somebody's symlink) is kept beside
    it; returns where, or None if there was nothing of the kind.
    """
    target = Path(os.path.relpath(generation, venv.parent))
    if is_activation(venv) or not os.path.lexists(venv):
        if venv.is_symlink() and (before := venv.parent / venv.readlink()) != generation:
            remember(venv, before)
        new = venv.parent / f".{venv.name}.{os.getpid()}"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(venv)
        return None
    aside = _free_name(venv)
    aside.symlink_to(target)  # and now the two change places
    try:
        exchange(aside, venv)
    except OSError:
        aside.unlink()
        raise
    remember(venv, aside)
    return aside


def remember(venv: Path, target: Path) -> None:
    """Record `target` as active before the present: a generation, or what was moved aside."""
    link = store(venv) / PREVIOUS
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))


def _free_name(venv: Path) -> Path:
    candidates = [venv.with_name(f"{venv.name}.before-mlenv")]
    candidates += [venv.with_name(f"{venv.name}.before-mlenv-{n}") for n in range(2, 1000)]
    return next(path for path in candidates if not os.path.lexists(path))


_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100


def exchange(one: Path, other: Path) -> None:
    """Let two names change places, atomically where the system can (renameat2(2))."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        names = os.fsencode(one), os.fsencode(other)
        if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
            return
        if (code := ctypes.get_errno()) not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code), os.fspath(other))
    aside = one.with_name(f".{one.name}.{os.getpid()}")
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise
    aside.rename(one)


@contextlib.contextmanager
def locked(venv: Path, progress: Progress | None = None) -> Iterator[None]:
    """Let one mlenv at a time change an environment; the others wait and say for whom."""
    folder = store(venv)
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / "busy", f"changing {venv}", progress):
        yield
