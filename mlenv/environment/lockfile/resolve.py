"""A profile's lock, made: the resolver's answer, and where each package in it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlenv.environment import uv
from mlenv.environment.lockfile import locks, recorded_index
from mlenv.environment.lockfile.indexes import Indexes
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profile_file import Index, Override
from mlenv.environment.lockfile.profiles import Profile
from mlenv.environment.lockfile.project import as_project
from mlenv.result import MlenvError

NO_MIRRORS = Indexes()


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
    if previous is None:
        previous = _text(profile.lock_path)
    with reached(profile, indexes) as (urls, from_record):
        body, dated = answer(profile, as_project(profile, urls), indexes, upgrade, previous)
    body = "".join(line for line in body.splitlines(keepends=True) if not line.startswith("#"))
    _check_origins(profile, urls, body)
    body = "".join(line for line in body.splitlines(keepends=True) if not _FROM.match(line))
    return locks.written(profile, body.lstrip(), tuple(_notes(profile, from_record, dated)))


def answer(
    profile: Profile,
    project: dict[str, Any],
    indexes: Indexes,
    upgrade: Sequence[str] = (),
    previous: str = "",
) -> tuple[str, bool]:
    """Ask uv for the pins of `project`, a profile's; tells too if its date could limit them.

    Mirrors that give no upload times (PEP 700) leave nothing older than any date.
    """
    import tomlkit

    for dated in (True, False):
        try:
            body = uv.resolve(
                tomlkit.dumps(project),
                python=profile.lowest_python,
                upgrade=upgrade,
                previous=previous,
                sources=uv.Sources(
                    indexes.default,
                    several=bool(profile.indexes),
                    builds=profile.built_packages,
                ),
            )
            break
        except uv.UvError as error:
            if not dated or not error.lacks_upload_times:
                raise
            project["tool"]["uv"].pop("exclude-newer", None)
    return body, dated


def idle_overrides(profile: Profile, lock: Lock, indexes: Indexes) -> tuple[str, ...]:
    """The overrides without which everything would resolve to the very same pins."""
    return tuple(
        override.requirement
        for override in profile.overrides
        if _same_without(profile, override, lock, indexes)
    )


def _same_without(profile: Profile, override: Override, lock: Lock, indexes: Indexes) -> bool:
    """Resolve without the override, and without the pin that it made: uv would keep that."""
    rest = tuple(item for item in profile.overrides if item != override)
    name = canonicalize_name(Requirement(override.requirement).name)
    previous = _without(lock.text, name)
    try:
        made = make(replace(profile, overrides=rest), indexes=indexes, previous=previous)
    except MlenvError:
        return False
    return made.pins == lock.pins


def _without(text: str, name: str) -> str:
    """The text of a lock without the pins of one package."""
    kept, of_it = [], False
    for line in text.splitlines(keepends=True):
        if pin := locks.PIN.match(line.rstrip()):
            of_it = canonicalize_name(pin["name"]) == name
        if not of_it:
            kept.append(line)
    return "".join(kept)


@contextmanager
def reached(
    profile: Profile, indexes: Indexes
) -> Iterator[tuple[Mapping[str, str], Sequence[Index]]]:
    """An address for each of the profile's indexes by name, and those that did not answer.

    For these, what is recorded of them answers on the loopback interface.
    """
    with ExitStack() as stack:
        urls, from_record = {}, []
        for index in profile.indexes:
            urls[index.name] = indexes.url(index)
            try:
                uv.check_index(urls[index.name], index.packages[0])
            except uv.UvError:
                if not recorded_index.releases(index.url) or index.name in indexes.mirrors:
                    raise
                urls[index.name] = stack.enter_context(recorded_index.serving(index.url))
                from_record.append(index)
        yield urls, from_record


_FROM = re.compile(r"^    # from (?P<url>\S+)$")


def _check_origins(profile: Profile, urls: Mapping[str, str], body: str) -> None:
    """An index of the profile's own gives its packages and no others.

    uv asks all indexes for an overridden package; that the right one answered is seen here.
    """
    hosts = {url.rstrip("/"): name for name, url in urls.items()}
    for index in profile.indexes:
        package = ""
        for line in body.splitlines():
            if pin := locks.PIN.match(line):
                package = pin["name"]
            elif match := _FROM.match(line):
                came_from = hosts.get(match["url"].rstrip("/"))
                if came_from == index.name and package not in index.packages:
                    raise MlenvError(
                        "wrong-index",
                        f"{package} would come from {index.name}, which the profile does not say.",
                        f"Add it to the packages of {index.name} in {profile.path}.",
                    )


def doubts(lock: Lock) -> tuple[str, ...]:
    """The lines of a lock about what its indexes did not tell: files, or times of uploads."""
    lines = (line.removeprefix("# ") for line in lock.text.splitlines())
    return tuple(line for line in lines if line.startswith("Index ") and _DOUBT.search(line))


_NOT_ASKED = " was not asked: "
_UNDATED = " gives no upload times: "
_DOUBT = re.compile(f"{_NOT_ASKED}|{_UNDATED}")


def _notes(profile: Profile, from_record: Sequence[Index], dated: bool) -> Iterator[str]:
    """Comments of a lock about what its indexes did not tell."""
    if not dated:
        yield (
            f"Index default{_UNDATED}resolved-as-of = {profile.resolved_as_of} could not hold, "
            "and the newest versions were taken."
        )
    for index in from_record:
        names = ", ".join(index.packages)
        yield (
            f"Index {index.name}{_NOT_ASKED}the hashes of {names} are those that public "
            "lock files name (mlenv/environment/lockfile/pytorch_index.json)."
        )
        for release in recorded_index.releases(index.url):
            if release.unlabelled:
                yield (
                    f"{release.name} {release.version}: {', '.join(release.unlabelled)} may each "
                    f"be any of {len(release.unlabelled)} hashes: no record says which is whose."
                )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
