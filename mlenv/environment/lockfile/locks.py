"""Locks: every distribution of a profile pinned, with the sha256 of its files.

A lock is a requirements file in the hash-checking format that pip and uv read. It names no
address, so it holds through any mirror. Its header says which profile it was made from, by
a digest of all that goes into the resolution: so `problems` can tell offline whether it still fits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlenv.environment.lockfile.profile_file import applies
from mlenv.environment.lockfile.profiles import Profile
from mlenv.environment.lockfile.project import digest
from mlenv.files import read_text
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution: exactly one version, and the sha256 of every file it may be."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def applies_to(self, platform: str) -> bool:
        """Tell if any Python on this platform takes it (`linux-x86_64`, as profiles name it)."""
        marker = f" ; {self.marker}" if self.marker else ""
        return applies(Requirement(f"{self.name}{marker}"), platform)

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Tell if an interpreter, described by PEP 508's variables, takes it."""
        return not self.marker or Marker(self.marker).evaluate(dict(environment))


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock file."""

    path: Path
    text: str
    profile_digest: str
    content_digest: str
    pins: tuple[Pin, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def versions(self) -> dict[str, str]:
        """One version a distribution: the last, where Pythons or platforms differ."""
        return {pin.name: pin.version for pin in self.pins}


PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]*?))?"
    r"\s*\\?$"
)
_HASH = re.compile(r"--hash=sha256:(?P<sha256>[0-9a-f]{64})\b")
_PROFILE = re.compile(r"^# profile (?P<digest>[0-9a-f]{64})$", re.MULTILINE)
_CONTENT = re.compile(r"^# content (?P<digest>[0-9a-f]{64})$", re.MULTILINE)


def parse(path: Path, text: str) -> Lock:
    """Read a lock; raises `MlenvError` naming the line that is none."""
    pins: list[Pin] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if match := _HASH.search(line):
            if not pins:
                raise _broken(path, number, line)
            last = pins.pop()
            hashes = (*last.hashes, match["sha256"])
            pins.append(Pin(last.name, last.version, last.marker, hashes))
        elif match := PIN.match(line):
            pins.append(Pin(match["name"], match["version"], (match["marker"] or "").strip(), ()))
        else:
            raise _broken(path, number, line)
    made_from, digest_line = _PROFILE.search(text), _CONTENT.search(text)
    return Lock(
        path,
        text,
        made_from["digest"] if made_from else "",
        digest_line["digest"] if digest_line else "",
        tuple(pins),
    )


def _broken(path: Path, number: int, line: str) -> MlenvError:
    return MlenvError("broken-lock", f"{path}, line {number} is no pin: {line.strip()[:80]}")


def content(pins: Sequence[Pin]) -> str:
    """All pins with their hashes as one sha256, so that a lock tells when it was edited."""
    rows = [[pin.name, pin.version, pin.marker, *pin.hashes] for pin in pins]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def written(profile: Profile, body: str, notes: Sequence[str] = ()) -> Lock:
    """The lock of a profile with these pins; `notes` are for its readers, a line each."""
    pins = parse(profile.lock_path, body).pins
    header = (
        f"Written by `mlenv lock {profile.name}`: do not edit.",
        f"profile {digest(profile)}",
        f"content {content(pins)}",
        *notes,
    )
    return parse(profile.lock_path, "".join(f"# {line}\n" for line in header) + "\n" + body)


def read(profile: Profile) -> Lock:
    """The lock of a profile as it is; raises `FileNotFoundError`, or `MlenvError`."""
    try:
        text = read_text(profile.lock_path)
    except UnicodeDecodeError as error:
        message = f"{profile.lock_path} can't be read: it is not text."
        again = f"Write it with `mlenv lock {profile.spelled}`."
        raise MlenvError("broken-lock", message, again) from error
    return parse(profile.lock_path, text)


def load(profile: Profile) -> Lock:
    """The lock of a profile; raises `MlenvError` where there is none or it does not fit."""
    again = f"Write it with `mlenv lock {profile.spelled}`."
    try:
        lock = read(profile)
    except FileNotFoundError as error:
        message = f"Profile {profile.name} has no lock: {profile.lock_path} is missing."
        raise MlenvError("no-lock", message, again) from error
    if wrong := problems(profile, lock):
        raise MlenvError("stale-lock", f"{lock.path} does not fit its profile: {wrong[0]}.", again)
    return lock


def problems(profile: Profile, lock: Lock) -> tuple[str, ...]:
    """Reasons why a lock does not fit its profile; empty if it does. Works offline."""
    return tuple(_problems(profile, lock))


def _problems(profile: Profile, lock: Lock) -> Iterator[str]:
    if lock.profile_digest != digest(profile):
        yield "the profile has changed since the lock was made"
    if lock.content_digest != content(lock.pins):
        yield "it was edited after it was written"
    pins: dict[str, list[Pin]] = {}
    for pin in lock.pins:
        pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    overridden = {
        canonicalize_name(requirement.name): requirement
        for requirement in (Requirement(item.requirement) for item in profile.overrides)
    }
    for text in profile.requires:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        requirement = overridden.get(name, requirement)
        if name not in pins:
            yield f"{requirement.name} is not in it"
        for pin in pins.get(name, ()):
            if pin.version not in requirement.specifier:
                yield f"it pins {pin.name} {pin.version}, the profile wants {requirement.specifier}"
    for item in profile.excludes:
        if canonicalize_name(item.package) in pins:
            yield f"it holds {item.package}, which the profile leaves out"
    yield from _mixed_family(profile, pins)
    for pin in lock.pins:
        if not pin.hashes:
            yield f"{pin.name} has no hash"


def _mixed_family(profile: Profile, pins: Mapping[str, list[Pin]]) -> Iterator[str]:
    """Packages of the family that are not of one build: one index, one local tag."""
    index = profile.family_index
    apart = index.platforms if index and index.platforms else profile.platforms
    for platform in profile.platforms:
        local = profile.family.local if platform in apart else None
        for package in profile.family.packages:
            for pin in pins.get(canonicalize_name(package), ()):
                if not pin.applies_to(platform):
                    continue
                if Version(pin.version).local != local:
                    build = f"+{local}" if local else "plain"
                    yield f"{package} {pin.version} is not the {build} build that {platform} needs"
