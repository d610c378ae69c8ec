"""A profile's file with packages added or taken out; comments and order stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlenv.environment.install import core
from mlenv.environment.lockfile import profiles
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class Request:
    """`add` and `overrides` are requirements, `remove` names. `wait` for another change.

    `builds`: names of packages that may be built from source.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()
    wait: bool = True


REMOVABLE = "What was added, or stands in the profile, can be: `mlenv profiles show NAME`."


def edited(profile: Profile, lock: Lock, request: Request) -> str:
    """The profile's file with the request in it; unchanged where that asks for nothing new."""
    text = profiles.whole_text(profile.path)
    document = tomlkit.parse(text)
    requires: Any = document["requires"]
    for wish in request.add:
        requirement = core.requirement_of(wish)
        if not _held(requirement, profile, lock):
            _drop(requires, canonicalize_name(requirement.name))
            requires.append(wish)
    for name in request.remove:
        _remove(document, core.requirement_of(name), profile, lock)
    for override in request.overrides:
        if override not in [item.requirement for item in profile.overrides]:
            _override(document, override, request.add)
    for name in request.builds:
        if canonicalize_name(name) not in profile.built_packages:
            _allow_build(document, name)
    today = datetime.now(UTC).date().isoformat()
    if request.add and tomlkit.dumps(document) != text and today > profile.resolved_as_of:
        document["resolved-as-of"] = today  # what is asked for may be younger than the profile
    return tomlkit.dumps(document)


def with_family(text: str, pins: dict[str, str], source: Profile | None) -> str:
    """The profile's file with these members of torch's family pinned together.

    `source`: the profile that they are pinned in: its index and its demands on the machine hold.
    """
    document = tomlkit.parse(text)
    requires: Any = document["requires"]
    family: Any = document.setdefault("family", tomlkit.table())
    packages = list(family.get("packages", []))
    for name, specifier in pins.items():
        _drop(requires, name)
        requires.append(f"{name}{specifier}")
        packages = [*packages, *([] if name in packages else [name])]
    family["packages"] = packages
    family["added"] = True
    if source is None:
        return tomlkit.dumps(document)
    needs: Any = document.setdefault("machine", tomlkit.table())
    for key, value in msgspec.to_builtins(source.machine).items():
        if value and not (key.endswith("-mb") and needs.get(key, 0) > value):
            needs[key] = value
    for index in source.indexes:
        if index.name == source.family.index:
            family["index"], family["local"] = index.name, source.family.local
            if index.name not in [each["name"] for each in document.get("index", [])]:
                table = tomlkit.item(msgspec.to_builtins(index))
                document.setdefault("index", tomlkit.aot()).append(table)
    return tomlkit.dumps(document)


def _held(requirement: Requirement, profile: Profile, lock: Lock) -> bool:
    """Tell if the profile asks for it already, and the lock has a version that fits."""
    name = canonicalize_name(requirement.name)
    asked = [each for each in map(Requirement, profile.requires) if each.name == requirement.name]
    versions = [pin.version for pin in lock.pins if canonicalize_name(pin.name) == name]
    return (
        bool(asked and versions)
        and requirement.extras <= asked[0].extras
        and all(version in requirement.specifier for version in versions)
    )


def _remove(document: Any, requirement: Requirement, profile: Profile, lock: Lock) -> None:
    name = canonicalize_name(requirement.name)
    if name in core.protected(profile, lock) and not _is_added(profile, name):
        raise MlenvError(
            "core-package",
            f"{requirement.name} can't be removed: profile {profile.name} is built around it.",
            "`mlenv profiles` shows others; `whisper` has no torch.",
        )
    if not _drop(document["requires"], name):
        pinned = name in {canonicalize_name(pin.name) for pin in lock.pins}
        why = "another package needs it" if pinned else "the environment does not hold it"
        raise MlenvError("not-requested", f"{requirement.name} can't be removed: {why}.", REMOVABLE)
    if _is_added(profile, name):
        rest = [each for each in document["family"]["packages"] if canonicalize_name(each) != name]
        document["family"]["packages"] = rest
        if not rest:
            del document["family"]
    left = {canonicalize_name(Requirement(text).name) for text in document["requires"]}
    overrides = document.get("override", [])
    for index in reversed(range(len(overrides))):
        asked = overrides[index].get("asked-with", ())
        if asked and not left & {canonicalize_name(Requirement(text).name) for text in asked}:
            del overrides[index]
    if "override" in document and not overrides:
        del document["override"]


def _is_added(profile: Profile, name: str) -> bool:
    family = {canonicalize_name(each) for each in profile.family.packages}
    return profile.family.added and name in family


def _override(document: Any, text: str, add: Sequence[str]) -> None:
    name = canonicalize_name(core.requirement_of(text).name)
    table = tomlkit.table()
    table.add("requirement", text)
    table.add("why", f"Asked for together with {', '.join(add)}.")
    table.add("asked-with", list(add))
    if "override" not in document:
        document.add("override", tomlkit.aot())
    overrides: Any = document["override"]
    for index, item in enumerate(overrides):
        if canonicalize_name(Requirement(item["requirement"]).name) == name:
            del overrides[index]
            break
    overrides.append(table)


def _allow_build(document: Any, name: str) -> None:
    table = tomlkit.table()
    table.add("package", name)
    table.add("why", "Allowed with --allow-build.")
    document.setdefault("build", tomlkit.aot()).append(table)


def _drop(requires: Any, name: str) -> bool:
    for index, text in enumerate(requires):
        if canonicalize_name(Requirement(text).name) == name:
            del requires[index]
            return True
    return False
