"""Choose a profile: those that a machine can run, and the best of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from msgspec import Struct
from packaging.version import Version

from mlenv.environment.lockfile import profiles
from mlenv.environment.lockfile.profiles import Profile
from mlenv.machine import host
from mlenv.machine.host import Host
from mlenv.result import MlenvError

# The preferred one first, for a machine that can run several.
PREFERENCE = ("cu121", "cu124", "cu128", "cu130", "cpu", "whisper")
FOR_CPU = "cpu"  # first on a machine without an NVIDIA device: a third of the space

AUTO = "auto"


class PassedOver(Struct, frozen=True):
    """A profile that was not chosen, and the reason."""

    profile: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One profile on one machine: `against` is empty where it can run; `why` says what for.

    `passed_over`: those that would have been preferred to it.
    """

    profile: Profile
    why: str
    against: tuple[str, ...]
    passed_over: tuple[PassedOver, ...] = ()


# The reason why a profile's packages can't be had at present; empty if they can.
Available = Callable[[Profile], str]


def selected(name: str | None, available: Available) -> Verdict:
    """The profile asked for, or else (None, `auto`) the best that this machine can run and get."""
    machine = host.collect()
    if name in (None, AUTO):
        return best([profiles.load(name) for name in preference(machine)], machine, available)
    assert name is not None
    verdict = judge(profiles.load(name), machine)
    if verdict.against:
        raise MlenvError(
            "profile-does-not-fit",
            f"Profile {verdict.profile.name} can't run here: {verdict.against[0]}.",
            "`mlenv profiles` shows which can.",
        )
    return verdict


def preference(machine: Host) -> tuple[str, ...]:
    """The profiles for `auto`, the preferred one first."""
    if machine.has_nvidia:
        return PREFERENCE
    return (FOR_CPU, *(name for name in PREFERENCE if name != FOR_CPU))


def judge(profile: Profile, machine: Host) -> Verdict:
    """Judge one profile. A machine without a GPU runs any of them on its CPU."""
    return Verdict(profile, _why(profile, machine), tuple(_against(profile, machine)))


def best(candidates: Sequence[Profile], machine: Host, available: Available) -> Verdict:
    """The first of `candidates` (the preferred one first) that can run and can be had."""
    passed_over: list[PassedOver] = []
    for profile in candidates:
        verdict = judge(profile, machine)
        reason = verdict.against[0] if verdict.against else available(profile)
        if not reason:
            return replace(verdict, passed_over=tuple(passed_over))
        passed_over.append(PassedOver(profile.name, reason))
    reasons = "; ".join(f"{each.profile}: {each.reason}" for each in passed_over)
    raise MlenvError("no-profile", f"No profile can be installed here. {reasons}.", SEE)


SEE = "`mlenv profiles show NAME` has what a profile needs; --index NAME=URL names a mirror."


def _against(profile: Profile, machine: Host) -> Iterator[str]:
    needs = profile.machine
    if machine.platform not in profile.platforms:
        yield f"it has no wheels for {machine.platform} (only {', '.join(profile.platforms)})"
    if needs.glibc and not machine.glibc and machine.platform.startswith("linux"):
        yield f"it needs glibc {needs.glibc}, this machine has another C library (musl?)"
    if needs.glibc and machine.glibc and Version(machine.glibc) < Version(needs.glibc):
        yield f"it needs glibc {needs.glibc}, this machine has {machine.glibc}"
    if needs.driver and machine.driver and Version(machine.driver) < Version(needs.driver):
        yield f"it needs NVIDIA driver {needs.driver}, this machine has {machine.driver}"
    if needs.gpu:
        for name, capability in machine.gpus:
            if not any(_runs(code, capability) for code in needs.gpu):
                yield f"its builds carry no code for the {name} (compute capability {capability})"


def _runs(code: str, capability: str) -> bool:
    """Tell if code compiled for `code` runs on a device: same major, equal or higher minor."""
    built, device = code.removesuffix("+PTX"), capability
    built_major, built_minor = map(int, built.split("."))
    major, minor = map(int, device.split("."))
    if code.endswith("+PTX") and (major, minor) >= (built_major, built_minor):
        return True
    return built_major == major and built_minor <= minor


def _why(profile: Profile, machine: Host) -> str:
    if profile.machine.cuda is None:
        return "it needs no GPU"
    if machine.gpus:
        name, capability = machine.gpus[0]
        return f"{name} (compute capability {capability}) with driver {machine.driver}"
    if machine.driver and machine.driver_trouble:
        return f"NVIDIA driver {machine.driver}, which does not answer"
    if machine.driver:
        return f"NVIDIA driver {machine.driver}"
    if machine.driver_trouble:
        return "the NVIDIA driver does not answer, so it will run on the CPU"
    if machine.device:
        driver = profile.machine.driver or "for it"
        return f"on the CPU: the NVIDIA device has no driver; with driver {driver} it can be used"
    return "no NVIDIA device here, so it will run on the CPU"
