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
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mlenv import paths
from mlenv.environment.generations.contents import distributions as distributions
from mlenv.environment.generations.contents import libraries, other_python
from mlenv.files import check_schema, decode, read_bytes, read_text, remove_leftovers, sha256
from mlenv.files.locks import exclusive
from mlenv.progress import Progress
from mlenv.result import MlenvError

RECORD = "mlenv.json"
SCHEMA = 2  # of the record; the first had no number
PROFILE = "profile"  # in a generation: copies of its profile and lock


class Generation(Struct, frozen=True, kw_only=True):
    """One generation, as its record says.

    `distributions` are its `.dist-info` folders; `libraries` counts the files of each folder
    of shared libraries, by its path below site-packages. `origin` of the profile: `shipped` with
    mlenv (then it is known by its name, wherever mlenv is), the user's `own` (it lies in the
    generation), or a `file`; empty in records of earlier versions. `path` and `name` are not in
    the file.
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
    origin: str = ""
    name: str

    @property
    def profile_file(self) -> Path:
        """The profile that it was built from; the copy in the generation if that is gone."""
        shipped = paths.shipped("profiles") / f"{self.profile}.toml"
        return self._source(shipped, Path(self.profile_path))

    @property
    def lock_file(self) -> Path:
        """The lock that it was built from; the copy in the generation if that is gone."""
        shipped = paths.shipped("constraints") / f"{self.profile}.txt"
        return self._source(shipped, Path(self.lock_path))

    def _source(self, shipped: Path, recorded: Path) -> Path:
        original = shipped if self._is_shipped else recorded
        copy = self.path / PROFILE / original.name
        return copy if copy.is_file() and not original.is_file() else original

    @property
    def _is_shipped(self) -> bool:
        if self.origin:
            return self.origin == "shipped"
        place = Path(self.profile_path).parent  # of mlenv then, wherever that was
        return place.name == "profiles" and place.parent.suffix != ".mlenv"

    def lock_unchanged(self) -> bool:
        """Compare the lock with the one it was built from; a missing lock counts as unchanged."""
        return sha256(self.lock_file) in (None, self.lock_sha256)

    def inputs_unchanged(self) -> bool:
        """Compare profile and lock with those that it was built from; comments don't count."""
        if sha256(self.lock_file) != self.lock_sha256:
            return False
        return sha256(self.profile_file) == self.profile_sha256 or self._lock_fits()

    def _lock_fits(self) -> bool:
        from mlenv.environment.lockfile import locks, profiles

        try:
            profile = profiles.load(os.fspath(self.profile_file))
            lock = locks.parse(self.lock_file, read_text(self.lock_file))
        except (MlenvError, OSError, UnicodeDecodeError):
            return False
        return not locks.problems(profile, lock)

    def drift(self) -> tuple[str, ...]:
        """Differences from the record in interpreter, distributions and number of libraries."""
        if not (self.path / "bin" / "python").exists():
            return (f"its interpreter is gone ({self.path / 'bin' / 'python'})",)
        if other := other_python(self.path):
            return (other,)
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


def read(path: Path) -> Generation | None:
    """The generation at `path`; None if there is no record, so no generation.

    Records of earlier versions of mlenv are read, and unknown fields of a later one are ignored.
    Raises `MlenvError` (code `bad-record`) for a damaged record or one of a later schema.
    """
    file = path / RECORD
    try:
        content = read_bytes(file)
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


def absent(venv: Path, doing: str = "") -> MlenvError:
    """The error for a place where no environment of mlenv's is; `doing` begins the sentence."""
    build = f"mlenv install{paths.aimed(venv)}"
    if os.path.lexists(venv):
        return MlenvError(
            "no-environment",
            f"{doing}{venv} was not built by mlenv.",
            f"Run `{build}` to build one; what is there is moved aside and kept.",
        )
    return MlenvError(
        "no-environment",
        f"{doing}{venv} does not exist.",
        f"Run `{build}` to build one, or name another with --venv DIR.",
    )


def active(venv: Path) -> Generation | None:
    """The generation that the activation points to; None for anything that is not ours.

    Raises `MlenvError` where it is ours and its record can't be read.
    """
    return read(venv.resolve()) if venv.is_symlink() else None


def holds(venv: Path, path: Path) -> bool:
    """Tell if `path` lies among what belongs to this environment."""
    return path.resolve().is_relative_to(store(venv).resolve())


def remove_unfinished(venv: Path) -> tuple[Path, ...]:
    """Remove the directories of builds that were killed. Call it under `locked`."""
    folders = (store(venv) / "generations").glob("*/")
    unfinished = tuple(folder for folder in folders if not (folder / RECORD).is_file())
    for folder in unfinished:
        shutil.rmtree(folder, ignore_errors=True)
    return unfinished


@contextlib.contextmanager
def locked(venv: Path, progress: Progress | None = None, *, wait: bool = True) -> Iterator[None]:
    """Let one mlenv at a time change an environment; the others wait and say for whom.

    Without `wait` they raise `MlenvError` (code `busy`).
    """
    folder = store(venv)
    paths.refuse_sudo(venv.parent)
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder / "busy", f"changing {venv}", progress, wait=wait) as outermost:
        if outermost:
            remove_leftovers()
        try:
            yield
        finally:
            if outermost:
                _drop_if_empty(folder)


def _drop_if_empty(folder: Path) -> None:
    """Leave nothing behind where nothing was built; whoever waits makes the folder again."""
    if any(entry.name not in ("busy", "busy.holder", "generations") for entry in _entries(folder)):
        return
    if not any(_entries(folder / "generations")):
        shutil.rmtree(folder, ignore_errors=True)


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
