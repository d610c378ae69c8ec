"""torch and what is compiled against it, added to a profile that began without them.

Their own requirements tie them loosely: torchaudio 2.11 takes any later torch and then fails to be
imported. So they are pinned together: as in a shipped profile that this machine can run, else to
versions of one release.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlenv.environment import uv
from mlenv.environment.install import edit, plan, select
from mlenv.environment.install.edit import Request
from mlenv.environment.lockfile import profiles, resolve
from mlenv.environment.lockfile.indexes import Indexes
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile
from mlenv.machine import host
from mlenv.machine.host import Host
from mlenv.result import MlenvError

MEMBERS = ("torch", "torchvision", "torchaudio")
# torchvision's second number is torch's and 15: 0.20 and 2.5, 0.26 and 2.11.
_VISION = 15


@dataclass(frozen=True, slots=True)
class Release:
    """One way to pin every member: a specifier each, and the shipped profile that does, if any."""

    pins: dict[str, str]
    source: Profile | None = None


def newcomers(profile: Profile, made: Lock) -> tuple[str, ...]:
    """The members that `made` holds and the profile does not pin together."""
    pinned = {canonicalize_name(name) for name in profile.family.packages}
    here = {canonicalize_name(pin.name) for pin in made.pins}
    return tuple(name for name in MEMBERS if name in here and name not in pinned)


def together(
    draft: Profile, made: Lock, before: Lock, request: Request, python: str, config: Indexes
) -> Lock:
    """The lock with torch's family pinned together, which the draft's file then says.

    Args:
        draft: the profile with the request in it.
        made: what it resolves to.
        before: the lock whose versions are kept where they fit.
        request: what was asked for.
        python: the version of the environment's interpreter.
        config: the user's indexes.

    Raises:
        MlenvError: no release of all members fits, or none that the driver runs.

    """
    members = newcomers(draft, made)
    if not members:
        return made
    text, reasons = draft.path.read_text("utf-8"), list[str]()
    for release in releases(
        draft, made, request, python, lambda each: plan.unavailable(each, config)
    ):
        names = [name for name in MEMBERS if name in {*members, *draft.family.packages}]
        while names:
            pins = {name: release.pins[name] for name in names}
            draft.path.write_text(edit.with_family(text, pins, release.source), "utf-8")
            whole = profiles.load(os.fspath(draft.path))
            try:
                answer = resolve.make(whole, indexes=config, previous=before.text)
            except uv.UvError as error:
                reasons.append(error.message)
                break
            if more := newcomers(whole, answer):  # one that comes in with these versions
                names += more
                continue
            refuse_driver(answer, host.collect())
            return answer
    raise MlenvError(
        "would-mix-family",
        " ".join([_NONE, *reasons[:1]]),
        "They are compiled against each other. Name versions of one release, as in "
        "`mlenv add torch==2.11.0 torchaudio==2.11.0`.",
    )


_NONE = f"There is no one release of {', '.join(MEMBERS)} for what you ask for."


def releases(
    profile: Profile, made: Lock, request: Request, python: str, available: Callable[[Profile], str]
) -> Iterator[Release]:
    """The ways to pin the members of `made` together, the preferred one first."""
    fixed = _fixed(profile, request)
    machine = host.collect()
    for name in select.PREFERENCE:
        shipped = profiles.load(name)
        versions = _pins(shipped)
        if len(versions) < len(MEMBERS) or not _fits(versions, fixed):
            continue
        if profile.family.packages and shipped.family.index != profile.family.index:
            continue
        if python and python not in shipped.python_range:
            continue
        if select.judge(shipped, machine).against or available(shipped):
            continue
        pins = {member: f"=={version}" for member, version in versions.items()}
        yield Release(pins, shipped)
    for major, minor in _of_one_release(fixed, made):
        every = {
            "torch": f"=={major}.{minor}.*",
            "torchvision": f"==0.{minor + _VISION}.*",
            "torchaudio": f"=={major}.{minor}.*",
        }
        yield Release({name: str(fixed.get(name) or every[name]) for name in MEMBERS})


def _of_one_release(fixed: dict[str, SpecifierSet], made: Lock) -> Iterator[tuple[int, int]]:
    """The releases of torch, as (2, 9), of what is asked for, else of what was resolved."""
    versions = {pin.name: pin.version for pin in made.pins}
    asked = {name: next(iter(fixed[name])).version for name in fixed}
    each = [
        _release_of(name, text) for name, text in (asked or versions).items() if name in MEMBERS
    ]
    if not asked or len({*each}) == 1:
        yield from dict.fromkeys(each)


def _release_of(name: str, version: str) -> tuple[int, int]:
    first, second = map(int, [*version.split("."), "0"][:2])
    return (2, second - _VISION) if name == "torchvision" else (first, second)


def refuse_driver(made: Lock, machine: Host) -> None:
    """Raise `MlenvError` where torch is built for a CUDA that this machine's driver can't run."""
    cuda = next((pin.version for pin in made.pins if _is_cuda(pin.name)), "")
    major = cuda.partition(".")[0]
    lowest = [
        each.machine.driver
        for each in map(profiles.load, profiles.names())
        if each.machine.driver and (each.machine.cuda or "").partition(".")[0] == major
    ]
    if not cuda or not lowest or not machine.driver:
        return
    needed = min(lowest, key=Version)
    if Version(machine.driver) >= Version(needed):
        return
    torch = next((pin.version for pin in made.pins if pin.name == "torch"), "")
    raise MlenvError(
        "profile-does-not-fit",
        f"torch {torch} is built for CUDA {cuda}, which needs NVIDIA driver {needed}; this "
        f"machine has {machine.driver}.",
        "Leave the version out, and mlenv takes one that runs here.",
    )


def _is_cuda(name: str) -> bool:
    return canonicalize_name(name) in ("cuda-toolkit", "nvidia-cuda-runtime-cu12")


def _fixed(profile: Profile, request: Request) -> dict[str, SpecifierSet]:
    """The versions of members that the profile and the request ask for, torch's first."""
    asked: dict[str, SpecifierSet] = {
        canonicalize_name(each.name): each.specifier
        for each in map(Requirement, (*profile.requires, *request.add))
        if each.specifier
    }
    return {name: asked[name] for name in MEMBERS if name in asked}


def _pins(profile: Profile) -> dict[str, str]:
    pins: dict[str, Requirement] = {
        canonicalize_name(each.name): each for each in map(Requirement, profile.requires)
    }
    return {
        name: next(iter(pins[name].specifier)).version
        for name in MEMBERS
        if name in pins and name in profile.family.packages
    }


def _fits(versions: dict[str, str], fixed: dict[str, SpecifierSet]) -> bool:
    return all(versions[name] in specifier for name, specifier in fixed.items() if name in versions)
