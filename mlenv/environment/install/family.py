"""torch and what is compiled against it, added to a profile that began without them.

Their own requirements tie them loosely: torchaudio 2.11 takes any later torch and then fails to be
imported. So they are pinned together: as in a shipped profile that this machine can run, else to
versions of one release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from mlenv.environment.install import select
from mlenv.environment.install.edit import Request
from mlenv.environment.lockfile import profiles
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
    """One way to pin the members: a specifier each, and the shipped profile that does, if any."""

    pins: dict[str, str]
    source: Profile | None = None


def newcomers(profile: Profile, made: Lock) -> tuple[str, ...]:
    """The members that `made` holds and the profile does not pin together."""
    pinned = {canonicalize_name(name) for name in profile.family.packages}
    here = {canonicalize_name(pin.name) for pin in made.pins}
    return tuple(name for name in MEMBERS if name in here and name not in pinned)


def releases(
    profile: Profile, made: Lock, request: Request, python: str, available: Callable[[Profile], str]
) -> Iterator[Release]:
    """The ways to pin the members of `made` together, the preferred one first."""
    here = {canonicalize_name(pin.name) for pin in made.pins}
    members = [name for name in MEMBERS if name in here]
    fixed = _fixed(profile, request)
    machine = host.collect()
    for name in select.PREFERENCE:
        shipped = profiles.load(name)
        versions = _pins(shipped, members)
        if len(versions) < len(members) or not _fits(versions, fixed):
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
        yield Release({name: str(fixed.get(name) or every[name]) for name in members})


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


def _pins(profile: Profile, members: list[str]) -> dict[str, str]:
    pins: dict[str, Requirement] = {
        canonicalize_name(each.name): each for each in map(Requirement, profile.requires)
    }
    return {
        name: next(iter(pins[name].specifier)).version
        for name in members
        if name in pins and name in profile.family.packages
    }


def _fits(versions: dict[str, str], fixed: dict[str, SpecifierSet]) -> bool:
    return all(versions[name] in specifier for name, specifier in fixed.items() if name in versions)
