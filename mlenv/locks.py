"""Locks: every distribution of a profile pinned, with the sha256 of its files.

A lock is a requirements file in the hash-checking format that pip and uv read. It names no
address, so it holds through any mirror. Its header says which profile it was made from, by
a digest of all that goes into the resolution: so `problems` can tell offline whether it still fits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlenv import uv
from mlenv.profiles import PLATFORMS, Profile
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution: exactly one version, and the sha256 of every file it may be."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock file."""

    path: Path
    text: str
    profile_digest: str
    pins: tuple[Pin, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def versions(self) -> dict[str, str]:
        return {pin.name: pin.version for pin in self.pins}


def project(profile: Profile) -> dict[str, Any]:
    """The profile as the resolver sees it: the content of a pyproject.toml."""
    settings = {
        "environments": [PLATFORMS[name] for name in profile.platforms],
        "exclude-newer": profile.resolved_as_of,
        "override-dependencies": [item.requirement for item in profile.overrides],
        "exclude-dependencies": [item.package for item in profile.excludes],
        "sources": {
            package: {"index": index.name}
            for index in profile.indexes
            for package in index.packages
        },
        "index": [
            {"name": index.name, "url": index.url, "explicit": True} for index in profile.indexes
        ],
    }
    return {
        "project": {
            "name": "environment",
            "version": "0",
            "requires-python": profile.python,
            "dependencies": list(profile.requires),
        },
        "tool": {"uv": {key: value for key, value in settings.items() if value}},
    }


def digest(profile: Profile) -> str:
    """What the lock depends on, as one sha256: not the comments, not what is said to people."""
    return hashlib.sha256(json.dumps(project(profile), sort_keys=True).encode()).hexdigest()


def make(profile: Profile, *, upgrade: Sequence[str] = ()) -> Lock:
    """Resolve a profile. Versions of its present lock are kept where they still fit."""
    try:
        previous = profile.lock_path.read_text("utf-8")
    except FileNotFoundError:
        previous = ""
    import tomlkit

    wanted = tomlkit.dumps(project(profile))
    body = uv.resolve(wanted, upgrade=upgrade, previous=previous)
    body = "".join(line for line in body.splitlines(keepends=True) if not line.startswith("#"))
    return parse(profile.lock_path, _header(profile) + body.lstrip())


def _header(profile: Profile) -> str:
    return (
        f"# Written by `mlenv lock {profile.name}`: do not edit.\n# profile {digest(profile)}\n\n"
    )


def load(profile: Profile) -> Lock:
    """The lock of a profile; raises `MlenvError` where there is none or it does not fit."""
    again = f"Write it with `mlenv lock {profile.name}`."
    try:
        lock = parse(profile.lock_path, profile.lock_path.read_text("utf-8"))
    except FileNotFoundError as error:
        message = f"Profile {profile.name} has no lock: {profile.lock_path} is missing."
        raise MlenvError("no-lock", message, again) from error
    if wrong := problems(profile, lock):
        raise MlenvError("stale-lock", f"{lock.path} does not fit its profile: {wrong[0]}.", again)
    return lock


def problems(profile: Profile, lock: Lock) -> tuple[str, ...]:
    """Why a lock does not fit its profile; empty where it does. Asks nobody."""
    return tuple(_problems(profile, lock))


def _problems(profile: Profile, lock: Lock) -> Iterator[str]:
    if lock.profile_digest != digest(profile):
        yield "the profile has changed since the lock was made"
    versions = {canonicalize_name(pin.name): pin.version for pin in lock.pins}
    overridden = {
        canonicalize_name(wanted.name): wanted
        for wanted in (Requirement(item.requirement) for item in profile.overrides)
    }
    for text in profile.requires:
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        wanted = overridden.get(name, wanted)
        if name not in versions:
            yield f"{wanted.name} is not in it"
        elif versions[name] not in wanted.specifier:
            yield f"it pins {wanted.name} {versions[name]}, the profile wants {wanted.specifier}"
    for item in profile.excludes:
        if canonicalize_name(item.package) in versions:
            yield f"it holds {item.package}, which the profile leaves out"
    if local := profile.family.local:
        for package in profile.family.packages:
            version = versions.get(canonicalize_name(package))
            if version and Version(version).local != local:
                yield f"{package} {version} is not the +{local} build that the profile asks for"
    for pin in lock.pins:
        if not pin.hashes:
            yield f"{pin.name} has no hash"


_PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]*?))?"
    r"\s*\\?$"
)
_HASH = re.compile(r"--hash=sha256:(?P<sha256>[0-9a-f]{64})\b")
_PROFILE = re.compile(r"^# profile (?P<digest>[0-9a-f]{64})$", re.MULTILINE)


def parse(path: Path, text: str) -> Lock:
    """Read a lock; raises `MlenvError` naming the line that is none."""
    pins: list[Pin] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if found := _HASH.search(line):
            if not pins:
                raise _broken(path, number, line)
            last = pins.pop()
            hashes = (*last.hashes, found["sha256"])
            pins.append(Pin(last.name, last.version, last.marker, hashes))
        elif found := _PIN.match(line):
            pins.append(Pin(found["name"], found["version"], (found["marker"] or "").strip(), ()))
        else:
            raise _broken(path, number, line)
    made_from = _PROFILE.search(text)
    return Lock(path, text, made_from["digest"] if made_from else "", tuple(pins))


def _broken(path: Path, number: int, line: str) -> MlenvError:
    return MlenvError("broken-lock", f"{path}, line {number} is no pin: {line.strip()[:80]}")
