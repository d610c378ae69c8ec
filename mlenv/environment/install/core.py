"""The core of a profile, which never moves: torch and its family, CTranslate2, cuDNN."""

from __future__ import annotations

import re
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlenv.environment.lockfile.locks import Lock, Pin
from mlenv.environment.lockfile.profiles import Profile
from mlenv.result import WRONG_USAGE, MlenvError

_CORE = re.compile(r"ctranslate2|nvidia-cudnn-cu\d+")


def protected(profile: Profile, lock: Lock) -> dict[str, list[Pin]]:
    """The pins that must not move, by name."""
    family = {canonicalize_name(name) for name in profile.family.packages}
    pins: dict[str, list[Pin]] = {}
    for pin in lock.pins:
        name = canonicalize_name(pin.name)
        if name in family or _CORE.fullmatch(name):
            pins.setdefault(name, []).append(pin)
    return pins


def refuse_change(profile: Profile, lock: Lock, names: Sequence[str]) -> None:
    """Raise for a request that names what must not move, in another version, or is left out."""
    fixed = protected(profile, lock)
    reasons = {canonicalize_name(item.package): item.why for item in profile.excludes}
    for requirement in map(requirement_of, names):
        if why := reasons.get(canonicalize_name(requirement.name)):
            raise MlenvError(
                "left-out",
                f"{profile.name} leaves {requirement.name} out on purpose: {why.rstrip('.')}.",
                "`mlenv profiles` shows profiles with other packages.",
            )
        for pin in fixed.get(canonicalize_name(requirement.name), ()):
            if pin.version not in requirement.specifier:
                raise MlenvError(
                    "would-move-core",
                    f"{profile.name} is built around {pin.name} {pin.version}: "
                    f"`{requirement}` can't be added.",
                    "`mlenv profiles` shows profiles with other versions.",
                )


def refuse_moves(profile: Profile, before: Lock, after: Lock) -> None:
    """Raise where the new lock has another version of what must not move.

    What came in with a package that goes now, such as cuDNN with torch, may go with it.
    """
    now = {name: {p.version for p in pins} for name, pins in protected(profile, after).items()}
    required = {canonicalize_name(Requirement(text).name) for text in profile.requires}
    if profile.family.added:
        required -= {canonicalize_name(name) for name in profile.family.packages}
    for name, pins in protected(profile, before).items():
        was = {pin.version for pin in pins}
        if name not in now and name not in required:
            continue
        if now.get(name, set()) != was:
            moved = ", ".join(sorted(now.get(name, ()))) or "nothing"
            raise MlenvError(
                "would-move-core",
                f"That would move {name} from {', '.join(sorted(was))} to {moved}, and "
                f"{profile.name} is built around it.",
                "`mlenv profiles` shows profiles with other versions.",
            )


def requirement_of(text: str) -> Requirement:
    """Parse what a user asks for; raises `MlenvError` for what is no requirement."""
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise MlenvError(
            "usage",
            f"`{text}` is not the name of a package, nor a name with a version.",
            "Give names, with a version if you like: rich, 'numpy<2'. Addresses and files can't be "
            "added.",
            exit_code=WRONG_USAGE,
        ) from error
