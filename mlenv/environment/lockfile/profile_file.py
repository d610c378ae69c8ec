"""The file of a profile: its tables, and the values in them that are none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, is_normalized_name

from mlenv.result import redacted

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


class File(_Table, frozen=True):
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


class Extension(_Table, frozen=True):
    """The file of another profile with one part more, as `cu124+ray.toml` is `cu124` with Ray.

    `extends`: that profile's name. Sizes are those of the part alone, in MB.
    """

    extends: str
    requires: tuple[str, ...]
    download_mb: int = 0
    disk_mb: int = 0

    def applied_to(self, file: File, part: str) -> File:
        """The whole profile."""
        needs = replace(
            file.machine,
            download_mb=file.machine.download_mb + self.download_mb,
            disk_mb=file.machine.disk_mb + self.disk_mb,
        )
        return replace(
            file,
            purpose=f"{file.purpose}, with {part}",
            requires=(*file.requires, *self.requires),
            machine=needs,
        )


def _wrong_values(file: File) -> Iterator[str]:
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
        elif redacted(index.url) != index.url:
            yield f"index {index.name}: an address with a password belongs in config.toml"
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


def _wrong_requirements(file: File) -> Iterator[str]:
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


def problems(file: File) -> Iterator[str]:
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
