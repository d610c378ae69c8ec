"""Profiles: what an environment shall hold, and what the machine must offer.

A profile is a TOML file that people write: one of `profiles/NAME.toml`, or any file named by
its path. `load` reads and checks it; nothing else in mlenv parses one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlenv import paths
from mlenv.result import MlenvError

# The platforms that mlenv provisions, as resolver environments (PEP 508 markers).
PLATFORMS = {
    "linux-x86_64": "sys_platform == 'linux' and platform_machine == 'x86_64'",
    "linux-aarch64": "sys_platform == 'linux' and platform_machine == 'aarch64'",
    "macos-arm64": "sys_platform == 'darwin' and platform_machine == 'arm64'",
}


@dataclass(frozen=True, slots=True)
class Override:
    """A requirement that wins over what any package says, and the reason."""

    requirement: str
    why: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A package that is left out though another one asks for it, and the reason."""

    package: str
    why: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index beside the package index, and the packages that come from it alone.

    `platforms`: where they do; on the others they come from the package index. Empty: on all.
    """

    name: str
    url: str
    packages: tuple[str, ...]
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """Packages compiled against each other: one index, one local version tag (`+cu121`)."""

    packages: tuple[str, ...] = ()
    index: str | None = None
    local: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine must offer. Versions as strings, sizes in MB (10^6 bytes).

    `cuda` None: the profile uses no GPU. `gpu`: compute capabilities that the builds carry
    code for. A machine without a GPU runs any profile on its CPU.
    """

    cuda: str | None = None
    driver: str | None = None
    glibc: str | None = None
    gpu: tuple[str, ...] = ()
    download_mb: int = 0
    disk_mb: int = 0


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile, as its file says."""

    name: str
    path: Path
    purpose: str
    python: str
    platforms: tuple[str, ...]
    resolved_as_of: str
    requires: tuple[str, ...]
    overrides: tuple[Override, ...]
    excludes: tuple[Exclusion, ...]
    indexes: tuple[Index, ...]
    family: Family
    machine: Machine

    @property
    def python_range(self) -> SpecifierSet:
        return SpecifierSet(self.python)

    @property
    def family_index(self) -> Index | None:
        """The index that the family comes from; None: the package index."""
        return next((index for index in self.indexes if index.name == self.family.index), None)

    @property
    def lowest_python(self) -> str:
        """The oldest Python that it admits, such as `3.11`."""
        lower = (item.version for item in self.python_range if item.operator in (">=", "~=", "=="))
        return max(lower, key=Version, default="3.11").removesuffix(".*")

    @property
    def is_shipped(self) -> bool:
        return self.path.parent == paths.shipped("profiles")

    @property
    def spelled(self) -> str:
        """How commands name it: a shipped one by its name, any other by its path."""
        return self.name if self.is_shipped else str(self.path)

    @property
    def lock_path(self) -> Path:
        """Where the lock is: `constraints/` for a shipped profile, else beside the file."""
        folder = paths.shipped("constraints") if self.is_shipped else self.path.parent
        return folder / f"{self.name}.txt"


def names() -> tuple[str, ...]:
    """The profiles that ship with mlenv."""
    return tuple(sorted(path.stem for path in paths.shipped("profiles").glob("*.toml")))


def load(name: str) -> Profile:
    """A shipped profile by name, or any profile by the path of its file."""
    by_path = name.endswith(".toml") or "/" in name
    path = Path(name).absolute() if by_path else paths.shipped("profiles") / f"{name}.toml"
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        hint = f"There are: {', '.join(names())}. A file is named by its path: ./{path.name}"
        raise MlenvError("unknown-profile", f"There is no profile `{name}`.", hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise MlenvError("unreadable-profile", f"{path} can't be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise MlenvError("broken-profile", f"{path} is not valid TOML: {error}.") from error
    return _parsed(path, table)


def _parsed(path: Path, table: Mapping[str, Any]) -> Profile:
    reader = _Reader(path, "", table)
    profile = Profile(
        name=path.stem,
        path=path,
        purpose=reader.text("for"),
        python=reader.text("python"),
        platforms=reader.texts("platforms"),
        resolved_as_of=str(reader.take("resolved-as-of", (str,), required=True)),
        requires=reader.texts("requires"),
        overrides=tuple(
            Override(item.text("requirement"), item.text("why"))
            for item in reader.tables("override")
        ),
        excludes=tuple(
            Exclusion(item.text("package"), item.text("why")) for item in reader.tables("exclude")
        ),
        indexes=tuple(
            Index(
                item.text("name"),
                item.text("url"),
                item.texts("packages"),
                item.texts("platforms", required=False),
            )
            for item in reader.tables("index")
        ),
        family=_family(reader.table("family")),
        machine=_machine(reader.table("machine")),
    )
    reader.close()
    _check(profile, reader)
    return profile


def _family(item: _Reader) -> Family:
    return Family(
        item.texts("packages", required=False),
        item.take("index", (str,)),
        item.take("local", (str,)),
    )


def _machine(item: _Reader) -> Machine:
    return Machine(
        cuda=item.take("cuda", (str,)),
        driver=item.take("driver", (str,)),
        glibc=item.take("glibc", (str,)),
        gpu=item.texts("gpu", required=False),
        download_mb=item.take("download-mb", (int,)) or 0,
        disk_mb=item.take("disk-mb", (int,)) or 0,
    )


def _check(profile: Profile, reader: _Reader) -> None:
    """What the types alone can't say."""
    for text in (*profile.requires, *(item.requirement for item in profile.overrides)):
        try:
            Requirement(text)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            raise reader.error(f"`{text}` is not a requirement: {reason}") from error
    try:
        SpecifierSet(profile.python)
    except InvalidSpecifier as error:
        raise reader.error(f'python = "{profile.python}" is not a version range') from error
    limited = [name for index in profile.indexes for name in index.platforms]
    if unknown := [name for name in (*profile.platforms, *limited) if name not in PLATFORMS]:
        raise reader.error(f"platform {unknown[0]} is not one of {', '.join(PLATFORMS)}")
    if not profile.platforms:
        raise reader.error("`platforms` is empty")
    known = {index.name for index in profile.indexes}
    if "default" in known:
        raise reader.error("`default` is the package index and can't be another one's name")
    if profile.family.index and profile.family.index not in known:
        raise reader.error(f"[family] names the index {profile.family.index}, which is not there")
    wanted = {canonicalize_name(Requirement(text).name) for text in profile.requires}
    if missing := [n for n in profile.family.packages if canonicalize_name(n) not in wanted]:
        raise reader.error(f"[family] names {missing[0]}, which `requires` does not pin")


class _Reader:
    """Takes the keys of one table, and complains of those that nobody took."""

    def __init__(self, path: Path, where: str, table: Mapping[str, Any]) -> None:
        self._path = path
        self._where = where
        self._left = dict(table)
        self._children: list[_Reader] = []

    def error(self, message: str) -> MlenvError:
        where = f" {self._where}" if self._where else ""
        return MlenvError("broken-profile", f"{self._path}{where}: {message}.")

    def take(self, key: str, kinds: tuple[type, ...], *, required: bool = False) -> Any:
        value = self._left.pop(key, None)
        if value is None:
            if required:
                raise self.error(f"`{key}` is missing")
        elif not isinstance(value, kinds):
            raise self.error(f"`{key}` must be a {' or '.join(k.__name__ for k in kinds)}")
        return value

    def text(self, key: str) -> str:
        return str(self.take(key, (str,), required=True))

    def texts(self, key: str, *, required: bool = True) -> tuple[str, ...]:
        values = self.take(key, (list,), required=required) or []
        if not all(isinstance(value, str) for value in values):
            raise self.error(f"`{key}` must be a list of texts")
        return tuple(values)

    def table(self, key: str) -> _Reader:
        return self._child(f"[{key}]", self.take(key, (dict,)) or {})

    def tables(self, key: str) -> Iterable[_Reader]:
        for item in self.take(key, (list,)) or []:
            if not isinstance(item, dict):
                raise self.error(f"`{key}` must be a list of tables")
            yield self._child(f"[[{key}]]", item)

    def _child(self, where: str, table: Mapping[str, Any]) -> _Reader:
        child = _Reader(self._path, where, table)
        self._children.append(child)
        return child

    def close(self) -> None:
        """Raise for a key that nobody knows: a typing error must not pass in silence."""
        for reader in (self, *self._children):
            if reader._left:
                raise reader.error(f"nothing is known of `{next(iter(reader._left))}`")
