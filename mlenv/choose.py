"""Which profiles a machine can run, and which of them it should."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from mlenv import host, profiles
from mlenv.host import Host
from mlenv.profiles import Profile
from mlenv.result import MlenvError

# The preferred one first, for a machine that can run several.
PREFERENCE = ("cu124",)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One profile on one machine: `against` is empty where it can run; `why` says what for."""

    profile: Profile
    why: str
    against: tuple[str, ...]


def selected(name: str | None) -> Verdict:
    """The profile asked for, or else the best that this machine can run."""
    machine = host.collect()
    if name is None:
        return best([profiles.load(known) for known in PREFERENCE], machine)
    verdict = judge(profiles.load(name), machine)
    if verdict.against:
        raise MlenvError(
            "profile-does-not-fit",
            f"Profile {verdict.profile.name} can't run here: {verdict.against[0]}.",
            "`mlenv profiles` shows which can.",
        )
    return verdict


def judge(profile: Profile, machine: Host) -> Verdict:
    """Whether `machine` can run `profile`. One without a GPU runs any of them on its CPU."""
    return Verdict(profile, _why(profile, machine), tuple(_against(profile, machine)))


def best(candidates: Sequence[Profile], machine: Host) -> Verdict:
    """The first of `candidates` (the preferred one first) that `machine` can run."""
    verdicts = [judge(profile, machine) for profile in candidates]
    for verdict in verdicts:
        if not verdict.against:
            return verdict
    reasons = "; ".join(f"{v.profile.name}: {v.against[0]}" for v in verdicts)
    raise MlenvError("no-profile", f"No profile fits this machine. {reasons}.")


def _against(profile: Profile, machine: Host) -> Iterator[str]:
    needs = profile.machine
    if machine.platform not in profile.platforms:
        yield f"it has no wheels for {machine.platform} (only {', '.join(profile.platforms)})"
    if needs.glibc and machine.glibc and Version(machine.glibc) < Version(needs.glibc):
        yield f"it needs glibc {needs.glibc}, this machine has {machine.glibc}"
    if needs.driver and machine.driver and Version(machine.driver) < Version(needs.driver):
        yield f"it needs NVIDIA driver {needs.driver}, this machine has {machine.driver}"
    if needs.gpu:
        for name, capability in machine.gpus:
            if not any(_runs(code, capability) for code in needs.gpu):
                yield f"its builds carry no code for the {name} (compute capability {capability})"


def _runs(code: str, capability: str) -> bool:
    """Whether code compiled for `code` runs on a device: same major, equal or higher minor."""
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
    if machine.driver:
        return f"NVIDIA driver {machine.driver}"
    return "no NVIDIA driver here, so it will run on the CPU"
