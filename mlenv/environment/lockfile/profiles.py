"""Profiles: what an environment shall hold, and what the machine must offer.

A profile is a TOML file that people write: one of `profiles/NAME.toml`, or any file named by
its path. `load` reads and checks it; nothing else in mlenv parses one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, is_normalized_name
from packaging.version import Version

from mlenv import paths
from mlenv.files import decode
from mlenv.result import MlenvError

# The platforms that mlenv provisions, as resolver environments (PEP 508 markers).
PLATFORMS = {
    "linux-x86_64": "sys_platform == 'linux' and platform_machine == 'x86_64'",
    "linux-aarch64": "sys_platform == 'linux' and platform_machine == 'aarch64'",
    "macos-arm64": "sys_platform == 'darwin' and platform_machine == 'arm64'",
}


class _Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of a profile's file: unknown keys are errors."""


class Override(_Table, frozen=True, omit_defaults=True):
    """A requirement that wins over what any package requires, and the reason.

    `asked_with`: the packages that `mlenv add` was to add with it; it goes when they go.
    """

    requirement: str
    why: str
    asked_with: tuple[str, ...] = ()


class Exclusion(_Table, frozen=True):
    """A package that is left out though another one requires it, and the reason."""

    package: str
    why: str


class SourceBuild(_Table, frozen=True):
    """A package that has no wheel, so that its own code runs here to build one, and the reason."""

    package: str
    why: str


class Index(_Table, frozen=True):
    """An index beside the package index, and the packages that come from it alone.

    `platforms`: those on which they do; on others they come from the package index. Empty: all.
    """

    name: str
    url: str
    packages: tuple[str, ...]
    platforms: tuple[str, ...] = ()


class Family(_Table, frozen=True):
    """Packages compiled against each other: one index, one local version tag (`+cu121`).

    `added`: by `mlenv add`, so that `mlenv remove` may take them out again.
    """

    packages: tuple[str, ...] = ()
    index: str | None = None
    local: str | None = None
    added: bool = False


class Machine(_Table, frozen=True):
    """Requirements to the machine. Versions as strings, sizes in MB (10^6 bytes).

    `cuda` None: the profile uses no GPU. `gpu`: compute capabilities that the builds carry
    code for. A machine without a GPU runs any profile on its CPU.
    """

    cuda: str | None = None
    driver: str | None = None
    glibc: str | None = None
    gpu: tuple[str, ...] = ()
    download_mb: int = 0
    disk_mb: int = 0


class _File(_Table, frozen=True):
    """A profile's file."""

    purpose: str = field(name="for")
    python: str
    platforms: tuple[str, ...]
    resolved_as_of: Any  # a date of TOML, or one in quotes
    requires: tuple[str, ...]
    override: tuple[Override, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    build: tuple[SourceBuild, ...] = ()
    index: tuple[Index, ...] = ()
    family: Family = Family()
    machine: Machine = Machine()


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile, as its file says; see `_File`."""

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


NONE: Mapping[str, Path] = {}


def names() -> tuple[str, ...]:
    """The profiles that ship with mlenv."""
    return tuple(sorted(path.stem for path in paths.shipped("profiles").glob("*.toml")))


def load(name: str, own: Mapping[str, Path] = NONE) -> Profile:
    """A shipped profile by name, any profile by the path of its file.

    `own`: files of the user's own profiles, by names that are known too.
    """
    by_path = name.endswith(".toml") or "/" in name
    path = Path(name).absolute() if by_path else paths.shipped("profiles") / f"{name}.toml"
    if not by_path and name not in names():
        path = own.get(name, path)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        hint = (
            f"There are: {', '.join((*names(), *own))}. A file is named by its path: ./{path.name}"
        )
        raise MlenvError("unknown-profile", f"There is no profile `{name}`.", hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise MlenvError("unreadable-profile", f"{path} can't be read: {error}.") from error
    file = decode(text, _File, path, toml=True, code="broken-profile")
    if problem := next(_problems(file), ""):
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
    )


def _wrong_values(file: _File) -> Iterator[str]:
    """Dates, versions, sizes and addresses that are none; uv would drop some of them in silence."""
    try:
        date.fromisoformat(str(file.resolved_as_of))
    except ValueError:
        yield f'resolved-as-of = "{file.resolved_as_of}" is not a date such as 2026-11-20'
    machine = file.machine
    for key, text in (
        *(("cuda", machine.cuda), ("driver", machine.driver), ("glibc", machine.glibc)),
        *(("gpu", capability.removesuffix("+PTX")) for capability in machine.gpu),
    ):
        if text is not None and not _VERSION.fullmatch(text):
            yield f'[machine] {key}: "{text}" is not a version'
    if min(machine.download_mb, machine.disk_mb) < 0:
        yield "[machine] sizes can't be below 0"
    names = [index.name for index in file.index]
    for index in file.index:
        if names.count(index.name) > 1:
            yield f"there are two indexes with the name {index.name}"
        if "://" not in index.url:
            yield f'index {index.name}: "{index.url}" is not an address'
    for key, items in (("exclude", file.exclude), ("build", file.build)):
        for item in items:
            if not is_normalized_name(canonicalize_name(item.package)):
                yield f'"{item.package}" in [[{key}]] is not the name of a package'


_VERSION = re.compile(r"\d+(\.\d+)+|\d+")


def applies(requirement: Requirement, platform: str) -> bool:
    """Tell if any Python on this platform takes a requirement, by its marker."""
    system, _, machine = platform.partition("-")
    system = {"macos": "darwin"}.get(system, system)
    return requirement.marker is None or any(
        requirement.marker.evaluate(
            {
                "sys_platform": system,
                "platform_system": system.title(),
                "platform_machine": machine,
                "python_version": f"3.{minor}",
                "python_full_version": f"3.{minor}.0",
            }
        )
        for minor in range(11, 16)
    )


def _wrong_requirements(file: _File) -> Iterator[str]:
    """Requirements that are none, and those that no lock can hold."""
    for text in (*file.requires, *(item.requirement for item in file.override)):
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            yield f"`{text}` is not a package with a version: {str(error).splitlines()[0]}"
            continue
        if requirement.url:
            yield f"{requirement.name} is named by an address: a lock names versions and hashes"
        elif not any(applies(requirement, platform) for platform in file.platforms):
            yield f"`{text}` is for none of its platforms: its marker never holds"


def _problems(file: _File) -> Iterator[str]:
    """Mistakes that the types alone can't tell."""
    if not file.requires:
        yield "`requires` is empty: it must name at least one package"
    try:
        SpecifierSet(file.python)
    except InvalidSpecifier:
        yield f'python = "{file.python}" is not a version range'
    yield from _wrong_values(file)
    for name in (*file.platforms, *(name for index in file.index for name in index.platforms)):
        if name not in PLATFORMS:
            yield f"platform {name} is not one of {', '.join(PLATFORMS)}"
    if not file.platforms:
        yield "`platforms` is empty"
    if wrong := next(_wrong_requirements(file), ""):
        yield wrong
        return
    indexes = {index.name for index in file.index}
    if "default" in indexes:
        yield "`default` is the package index and can't be another one's name"
    if file.family.index and file.family.index not in indexes:
        yield f"[family] names the index {file.family.index}, which is not there"
    required = {canonicalize_name(Requirement(text).name) for text in file.requires}
    for name in file.family.packages:
        if canonicalize_name(name) not in required:
            yield f"[family] names {name}, which `requires` does not pin"
