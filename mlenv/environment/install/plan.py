"""The plan of an installation: profile, lock, interpreter, and sources of the files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from mlenv.environment import uv
from mlenv.environment.install import bundle, preflight, select
from mlenv.environment.install.bundle import Bundle
from mlenv.environment.install.request import Request
from mlenv.environment.install.select import Verdict
from mlenv.environment.lockfile import indexes, locks, profiles
from mlenv.environment.lockfile.indexes import Indexes
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """All that is decided before anything is built."""

    verdict: Verdict
    lock: Lock
    python: str
    indexes: Indexes
    sources: uv.Sources
    bundle: Bundle | None = None

    @property
    def profile(self) -> Profile:
        return self.verdict.profile


def check(request: Request) -> None:
    """Raise `MlenvError` for a profile or bundle that can't be read."""
    if request.bundle is not None:
        bundle.read(request.bundle.absolute())
    elif request.profile not in (None, select.AUTO):
        profiles.load(str(request.profile))


def configured(request: Request) -> Indexes:
    """The user's indexes; raises `MlenvError` for an option that names none of a profile."""
    config = indexes.load(request.mirrors)
    indexes.check_names(config, _all_profiles(request.profile), request.mirrors)
    return config


def take(request: Request, venv: Path) -> InstallPlan:
    """Decide; raises `MlenvError` for whatever can be known not to work."""
    config = configured(request)
    given_bundle = None
    if request.bundle is not None:
        given_bundle = bundle.read(request.bundle.absolute())
        profile = bundle.profile_of(given_bundle, request.profile)
        verdict = select.selected(os.fspath(profile.path), lambda _: "")
    else:
        verdict = select.selected(
            request.profile,
            lambda profile: unavailable(profile, config, offline=request.offline),
        )
    profile, lock = verdict.profile, locks.load(verdict.profile)
    preflight.location(venv, profile.name)
    sources = _sources(config, profile, offline=request.offline)
    _room(venv, profile, lock, sources)
    python = request.python
    if given_bundle:
        sources = uv.Sources(folder=given_bundle.path / "wheels", builds=profile.built_packages)
        python = python or given_bundle.python
    interpreter = preflight.interpreter(profile, python)
    return InstallPlan(verdict, lock, interpreter, config, sources, given_bundle)


def _sources(config: Indexes, profile: Profile, *, offline: bool = False) -> uv.Sources:
    """The indexes of a profile, as the user's settings have them."""
    return uv.Sources(
        config.default,
        config.extra(profile),
        offline=offline,
        builds=profile.built_packages,
    )


def _room(venv: Path, profile: Profile, lock: Lock, sources: uv.Sources) -> None:
    """There is room for it: next to none is needed where uv's cache holds all and can be linked."""
    try:
        preflight.space(venv, profile)
    except MlenvError:
        if not preflight.links_to_cache(venv):
            raise
        try:
            fetches = uv.plan(lock.path, profile.python, replace(sources, offline=True)).fetches
        except MlenvError:
            fetches = ("something",)
        if fetches:
            raise


def for_files(profile: Profile, python: str | None, mirrors: Sequence[str]) -> InstallPlan:
    """Plan a collection of files: this machine need not be able to run the profile."""
    config = indexes.load(mirrors)
    indexes.check_names(config, (profile, *_all_profiles(None)), mirrors)
    verdict = Verdict(profile, "asked for", ())
    interpreter = preflight.interpreter(profile, python)
    sources = _sources(config, profile)
    return InstallPlan(verdict, locks.load(profile), interpreter, config, sources)


def existing_python(install_plan: InstallPlan) -> Path:
    """The interpreter itself, for whoever must ask it; raises `MlenvError` if there is none."""
    if (interpreter := uv.find_python(install_plan.python)) is None:
        raise MlenvError(
            "python-version-unsupported",
            f"There is no Python {install_plan.python} on this machine.",
            f"Get one with `uv python install '{install_plan.python}'`.",
        )
    return interpreter


def unavailable(profile: Profile, config: Indexes, *, offline: bool = False) -> str:
    """The reason why a profile's packages can't be had: an index that does not answer.

    What is in uv's cache needs no index; without a network, everything must be there.
    """
    if not offline and not profile.indexes:
        return ""
    try:
        lock = locks.load(profile)
        sources = _sources(config, profile, offline=True)
        if not uv.plan(lock.path, profile.python, sources).fetches:
            return ""
    except MlenvError as error:
        if offline or error.code in ("no-lock", "stale-lock"):
            return error.message.rstrip(".")
    if offline:
        return "not all of its packages are in uv's cache"
    for index in profile.indexes:
        try:
            uv.check_index(config.url(index), index.packages[0])
        except uv.UvError as error:
            return f"its index {index.name} does not answer ({_reason(error)})"
    return ""


def unreachable(profile: Profile, config: Indexes) -> str:
    """The reason why the package index can't give what uv's cache lacks of a profile."""
    sources = _sources(config, profile, offline=True)
    try:
        if not uv.plan(locks.load(profile).path, profile.python, sources).fetches:
            return ""
    except MlenvError:
        pass
    try:
        preflight.indexes(profile, config)
    except MlenvError as error:
        return error.message
    return ""


def _reason(error: uv.UvError) -> str:
    return error.message.rstrip(".").rpartition(": ")[2]


def with_index(error: MlenvError, request: Request) -> MlenvError:
    """An index that does not answer, by its name where it is one of the profile's own."""
    if error.code != "index-unreachable" or request.profile in (None, select.AUTO):
        return error
    profile, config = profiles.load(str(request.profile)), indexes.load(request.mirrors)
    for index in profile.indexes:
        if urlsplit(config.url(index)).hostname in re.split(r"[\s:@]+", error.message):
            reason = error.message.partition("can't be reached")[2]
            return MlenvError(
                error.code,
                f"The index {index.name} of profile {profile.name} "
                f"({indexes.without_credentials(config.url(index))}) can't be reached{reason}",
                "`mlenv install` without a name takes the best profile whose indexes answer here; "
                f"--index {index.name}=URL names a mirror.",
            )
    return error


def _all_profiles(name: str | None) -> Sequence[Profile]:
    names = list(profiles.names())
    own = [name] if name and name not in (*names, select.AUTO) else []
    return [profiles.load(each) for each in (*names, *own)]
