"""Profiles: what an environment shall hold, and what the machine must offer.

A profile is a TOML file that people write: one of `profiles/NAME.toml`, or any file named by
its path. `load` reads and checks it; nothing else in mlenv parses one.
"""

from __future__ import annotations

import difflib
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlenv import paths
from mlenv.environment.lockfile.profile_file import (
    Exclusion,
    Extension,
    Family,
    File,
    Index,
    Machine,
    Override,
    SourceBuild,
    problems,
)
from mlenv.files import decode, read_text, stays_below, why
from mlenv.result import WRONG_USAGE, MlenvError


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile, as its file says; see `File`.

    `extends`: the name of the profile that this one has a part more than, if any.
    """

    name: str
    path: Path
    purpose: str
    python: str
    platforms: tuple[str, ...]
    resolved_as_of: str
    requires: tuple[str, ...]
    overrides: tuple[Override, ...]
    excludes: tuple[Exclusion, ...]
    builds: tuple[SourceBuild, ...]
    indexes: tuple[Index, ...]
    family: Family
    machine: Machine
    extends: str = ""

    @property
    def python_range(self) -> SpecifierSet:
        """The Pythons that it admits."""
        return SpecifierSet(self.python)

    @property
    def built_packages(self) -> tuple[str, ...]:
        """The packages that may be built from source."""
        return tuple(canonicalize_name(item.package) for item in self.builds)

    @property
    def family_index(self) -> Index | None:
        """The index that the family comes from; None: the package index."""
        return next((index for index in self.indexes if index.name == self.family.index), None)

    @property
    def lowest_python(self) -> str:
        """The oldest Python that it admits, such as `3.11`."""
        lower = (
            item.version.removesuffix(".*")
            for item in self.python_range
            if item.operator in (">=", "~=", "==")
        )
        return max(lower, key=Version, default="3.11")

    @property
    def is_shipped(self) -> bool:
        """It ships with mlenv."""
        return self.path.parent == paths.shipped("profiles")

    @property
    def spelled(self) -> str:
        """Its name on a command line: a shipped profile's name, any other's path, quoted."""
        return self.name if self.is_shipped else shlex.quote(str(self.path))

    @property
    def lock_path(self) -> Path:
        """The lock: in `constraints/` for a shipped profile, else beside the file."""
        folder = paths.shipped("constraints") if self.is_shipped else self.path.parent
        return folder / f"{self.name}.txt"


NEAR = 0.7  # likeness of a name from which it is offered: `gpu` is not nearly `cpu`
PLUS = "+"  # before an optional part in the name of a profile
NONE: Mapping[str, Path] = {}


def names() -> tuple[str, ...]:
    """The profiles that ship with mlenv, each without optional parts."""
    return tuple(name for name in _files() if PLUS not in name)


def extended() -> tuple[str, ...]:
    """The profiles that ship with mlenv and have an optional part: `cu124+ray`."""
    return tuple(name for name in _files() if PLUS in name)


def ships(name: str) -> bool:
    """Tell if a profile of that name ships with mlenv, with optional parts or without."""
    return name in _files()


def with_parts(name: str, parts: Sequence[str]) -> str:
    """The name of a profile with optional parts; raises `MlenvError` where it has none such."""
    base, *present = name.split(PLUS)
    whole = PLUS.join([base, *sorted({*present, *parts})])
    if whole not in (base, *extended()):
        known = [each.removeprefix(base + PLUS) for each in extended() if each.startswith(base)]
        there = f"It has: {', '.join(known)}." if known else "It has none."
        raise MlenvError(
            "unknown-part",
            f"Profile {base} has no optional part `{PLUS.join(sorted(parts))}`.",
            f"{there} `mlenv add` takes any package.",
            exit_code=WRONG_USAGE,
        )
    return whole


def _files() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in paths.shipped("profiles").glob("*.toml")))


def load(name: str, own: Mapping[str, Path] = NONE) -> Profile:
    """A shipped profile by name, any profile by the path of its file.

    `own`: files of the user's own profiles, by names that are known too.
    """
    by_path = name.endswith(".toml") or "/" in name
    path = Path(name).absolute() if by_path else paths.shipped("profiles") / f"{name}.toml"
    if not by_path and not ships(name):
        path = own.get(name, path)
    try:
        text = read_text(path)
    except FileNotFoundError as error:
        if by_path:
            hint = "A profile is named by its name (`mlenv profiles`), or by the path of its file."
        else:
            near = difflib.get_close_matches(name, (*names(), *own), n=1, cutoff=NEAR)
            hint = f"Did you mean {near[0]}? " if near else ""
            hint += f"There are: {', '.join((*names(), *own))}."
            hint += " `mlenv profiles why` says which one fits this machine."
        raise MlenvError(
            "unknown-profile", f"There is no profile `{name}`.", hint, exit_code=WRONG_USAGE
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise MlenvError("unreadable-profile", f"{path} can't be read: {why(error)}.") from error
    extension = _extension(text, path)
    file = _extended(extension, path) if extension else _decoded(text, path)
    if problem := next(problems(file), ""):
        raise MlenvError("broken-profile", f"{path}: {problem}.")
    return Profile(
        name=path.stem,
        path=path,
        purpose=file.purpose,
        python=file.python,
        platforms=file.platforms,
        resolved_as_of=str(file.resolved_as_of),
        requires=file.requires,
        overrides=file.override,
        excludes=file.exclude,
        builds=file.build,
        indexes=file.index,
        family=file.family,
        machine=file.machine,
        extends=extension.extends if extension else "",
    )


def whole_text(path: Path) -> str:
    """The text of a profile's file; of one that extends another, that one's with the part in it."""
    text = read_text(path)
    extension = _extension(text, path)
    if extension is None:
        return text
    import tomlkit  # late: it takes long, and only edits need it

    document = tomlkit.parse(read_text(_base(extension, path)))
    requires: Any = document["requires"]
    for requirement in extension.requires:
        requires.append(requirement)
    return tomlkit.dumps(document)


def _decoded(text: str, path: Path) -> File:
    return decode(text, File, path, toml=True, code="broken-profile")


def _extension(text: str, path: Path) -> Extension | None:
    """Read a file that extends another; None for any other file."""
    try:
        if "extends" not in tomllib.loads(text):
            return None
    except tomllib.TOMLDecodeError:
        return None
    return decode(text, Extension, path, toml=True, code="broken-profile")


def _extended(extension: Extension, path: Path) -> File:
    base = _base(extension, path)
    part = path.stem.removesuffix("-own").partition(PLUS)[2] or "more"
    return extension.applied_to(_decoded(read_text(base), base), part)


def _base(extension: Extension, path: Path) -> Path:
    """The file of the profile that another one extends: beside it, else mlenv's own."""
    name = f"{extension.extends}.toml"
    for folder in (path.parent, paths.shipped("profiles")):
        if stays_below(name) and (folder / name).is_file():
            return folder / name
    raise MlenvError(
        "broken-profile",
        f"{path}: there is no profile `{extension.extends}` that it could extend.",
        f"There are: {', '.join(names())}.",
    )
