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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlenv import uv
from mlenv.locking import recorded
from mlenv.locking.indexes import Indexes
from mlenv.locking.profiles import PLATFORMS, Index, Override, Profile
from mlenv.result import MlenvError

NO_MIRRORS = Indexes()


@dataclass(frozen=True, slots=True)
class Pin:
    """One distribution: exactly one version, and the sha256 of every file it may be."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def applies_to(self, platform: str) -> bool:
        """Whether any Python on this platform takes it (`linux-x86_64`, as profiles name it)."""
        system, _, machine = platform.partition("-")
        system = {"macos": "darwin"}.get(system, system)
        return any(
            self.applies({"sys_platform": system, "platform_machine": machine, **_python(minor)})
            for minor in range(11, 16)
        )

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Whether an interpreter takes it that is described by PEP 508's variables."""
        return not self.marker or Marker(self.marker).evaluate(dict(environment))


def _python(minor: int) -> dict[str, str]:
    return {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"}


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


def project(profile: Profile, urls: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The profile as the resolver sees it: the content of a pyproject.toml.

    `urls`: addresses of its indexes by name, where they are not the profile's own.
    """
    urls = urls or {}
    settings = {
        "environments": [PLATFORMS[name] + _below(profile) for name in profile.platforms],
        "exclude-newer": profile.resolved_as_of,
        "override-dependencies": list(_overrides(profile)),
        "exclude-dependencies": [item.package for item in profile.excludes],
        "sources": {
            package: _source(index) for index in profile.indexes for package in index.packages
        },
        # The PyTorch index does not say when a file was uploaded.
        "exclude-newer-package": {
            package: False for index in profile.indexes for package in index.packages
        },
        "index": [
            {"name": index.name, "url": urls.get(index.name, index.url)}
            for index in profile.indexes
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


def _below(profile: Profile) -> str:
    """The upper end of the profile's Pythons: the resolver sees only the lower one otherwise."""
    upper = [item for item in profile.python_range if item.operator in ("<", "<=")]
    return "".join(
        f" and python_full_version {item.operator} '{item.version}'"
        for item in sorted(upper, key=str)
    )


def _overrides(profile: Profile) -> Iterator[str]:
    """The profile's overrides; one for a package with an index of its own names its local tag.

    uv does not look up an override's index in `sources`, so it is the tag that leads there.
    """
    local = profile.family.local
    homes = {package: index for index in profile.indexes for package in index.packages}
    for item in profile.overrides:
        wanted = Requirement(item.requirement)
        index = homes.get(wanted.name)
        if index is None or local is None:
            yield item.requirement
            continue
        there = _marker(index.platforms or profile.platforms)
        yield f"{wanted.name}{wanted.specifier}+{local} ; {there}"
        elsewhere = [name for name in profile.platforms if name not in index.platforms]
        if index.platforms and elsewhere:
            yield f"{wanted.name}{wanted.specifier} ; {_marker(elsewhere)}"


def _source(index: Index) -> dict[str, str]:
    limited = {"marker": _marker(index.platforms)} if index.platforms else {}
    return {"index": index.name, **limited}


def _marker(platforms: Sequence[str]) -> str:
    return " or ".join(f"({PLATFORMS[name]})" for name in platforms)


def digest(profile: Profile) -> str:
    """What the lock depends on, as one sha256: not the comments, not what is said to people."""
    return hashlib.sha256(json.dumps(project(profile), sort_keys=True).encode()).hexdigest()


def content(pins: Sequence[Pin]) -> str:
    """All pins with their hashes as one sha256, so that a lock tells when it was edited."""
    rows = [[pin.name, pin.version, pin.marker, *pin.hashes] for pin in pins]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def make(
    profile: Profile,
    *,
    indexes: Indexes = NO_MIRRORS,
    upgrade: Sequence[str] = (),
    previous: str | None = None,
) -> Lock:
    """Resolve a profile. Versions of its present lock (or `previous`) are kept where they fit.

    An index that can't be reached is answered for from `recorded`, where that knows it.
    """
    import tomlkit

    if previous is None:
        previous = _text(profile.lock_path)
    with reached(profile, indexes) as (urls, told):
        wanted = tomlkit.dumps(project(profile, urls))
        body = uv.resolve(
            wanted,
            python=profile.lowest_python,
            upgrade=upgrade,
            previous=previous,
            sources=uv.Sources(indexes.default, several=bool(profile.indexes)),
        )
    body = "".join(line for line in body.splitlines(keepends=True) if not line.startswith("#"))
    _check_origins(profile, urls, body)
    body = "".join(line for line in body.splitlines(keepends=True) if not _FROM.match(line))
    pins = parse(profile.lock_path, body).pins
    return parse(profile.lock_path, _header(profile, pins, told) + body.lstrip())


def idle_overrides(profile: Profile, lock: Lock, indexes: Indexes) -> tuple[str, ...]:
    """The overrides without which everything would resolve to the very same pins."""
    return tuple(
        override.requirement
        for override in profile.overrides
        if _same_without(profile, override, lock, indexes)
    )


def _same_without(profile: Profile, override: Override, lock: Lock, indexes: Indexes) -> bool:
    rest = tuple(item for item in profile.overrides if item != override)
    try:
        made = make(replace(profile, overrides=rest), indexes=indexes, previous=lock.text)
    except MlenvError:
        return False
    return made.pins == lock.pins


@contextmanager
def reached(
    profile: Profile, indexes: Indexes
) -> Iterator[tuple[Mapping[str, str], Sequence[Index]]]:
    """An address for each of the profile's indexes by name, and those that did not answer.

    For these, what is recorded of them answers on the loopback interface.
    """
    with ExitStack() as stack:
        urls, told = {}, []
        for index in profile.indexes:
            urls[index.name] = indexes.url(index)
            try:
                uv.check_index(urls[index.name], index.packages[0])
            except uv.UvError:
                if not recorded.releases(index.url) or index.name in indexes.mirrors:
                    raise
                urls[index.name] = stack.enter_context(recorded.serving(index.url))
                told.append(index)
        yield urls, told


_FROM = re.compile(r"^    # from (?P<url>\S+)$")


def _check_origins(profile: Profile, urls: Mapping[str, str], body: str) -> None:
    """An index of the profile's own gives its packages and no others.

    uv asks all indexes for an overridden package; that the right one answered is seen here.
    """
    hosts = {url.rstrip("/"): name for name, url in urls.items()}
    for index in profile.indexes:
        package = ""
        for line in body.splitlines():
            if pin := _PIN.match(line):
                package = pin["name"]
            elif found := _FROM.match(line):
                came_from = hosts.get(found["url"].rstrip("/"))
                if came_from == index.name and package not in index.packages:
                    raise MlenvError(
                        "wrong-index",
                        f"{package} would come from {index.name}, which the profile does not say.",
                        f"Add it to the packages of {index.name} in {profile.path}.",
                    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""


def _header(profile: Profile, pins: Sequence[Pin], told: Sequence[Index]) -> str:
    """`told`: the indexes that were not asked, but answered for from what is recorded of them."""
    lines = [
        f"# Written by `mlenv lock {profile.name}`: do not edit.",
        f"# profile {digest(profile)}",
        f"# content {content(pins)}",
    ]
    for index in told:
        names = ", ".join(index.packages)
        lines.append(
            f"# Index {index.name} was not asked: the hashes of {names} are those that public "
            "lock files name (mlenv/data/pytorch_index.json)."
        )
        lines += [
            f"# {release.name} {release.version}: {', '.join(release.unlabelled)} may each be any "
            f"of {len(release.unlabelled)} hashes: no record says which is whose."
            for release in recorded.releases(index.url)
            if release.unlabelled
        ]
    return "\n".join(lines) + "\n\n"


def load(profile: Profile) -> Lock:
    """The lock of a profile; raises `MlenvError` where there is none or it does not fit."""
    again = f"Write it with `mlenv lock {profile.spelled}`."
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
    if lock.content_digest != content(lock.pins):
        yield "it was edited after it was written"
    pins: dict[str, list[Pin]] = {}
    for pin in lock.pins:
        pins.setdefault(canonicalize_name(pin.name), []).append(pin)
    overridden = {
        canonicalize_name(wanted.name): wanted
        for wanted in (Requirement(item.requirement) for item in profile.overrides)
    }
    for text in profile.requires:
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        wanted = overridden.get(name, wanted)
        if name not in pins:
            yield f"{wanted.name} is not in it"
        for pin in pins.get(name, ()):
            if pin.version not in wanted.specifier:
                yield f"it pins {wanted.name} {pin.version}, the profile wants {wanted.specifier}"
    for item in profile.excludes:
        if canonicalize_name(item.package) in pins:
            yield f"it holds {item.package}, which the profile leaves out"
    yield from _mixed_family(profile, pins)
    for pin in lock.pins:
        if not pin.hashes:
            yield f"{pin.name} has no hash"


def _mixed_family(profile: Profile, pins: Mapping[str, list[Pin]]) -> Iterator[str]:
    """What is compiled against each other must be of one build: one index, one local tag."""
    index = profile.family_index
    apart = index.platforms if index and index.platforms else profile.platforms
    for platform in profile.platforms:
        local = profile.family.local if platform in apart else None
        for package in profile.family.packages:
            for pin in pins.get(canonicalize_name(package), ()):
                if not pin.applies_to(platform):
                    continue
                if Version(pin.version).local != local:
                    wanted = f"+{local}" if local else "plain"
                    yield f"{package} {pin.version} is not the {wanted} build that {platform} needs"


_PIN = re.compile(
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
    made_from, held = _PROFILE.search(text), _CONTENT.search(text)
    return Lock(
        path,
        text,
        made_from["digest"] if made_from else "",
        held["digest"] if held else "",
        tuple(pins),
    )


def _broken(path: Path, number: int, line: str) -> MlenvError:
    return MlenvError("broken-lock", f"{path}, line {number} is no pin: {line.strip()[:80]}")
