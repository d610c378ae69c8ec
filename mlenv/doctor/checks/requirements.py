"""Requirements between installed distributions, as their metadata has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from mlenv.doctor.checks.common import Check, Finding, ok, skip, unique
from mlenv.doctor.checks.installed_packages import SHOWN, TOPIC
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.packages import Distribution, normalized
from mlenv.machine.versions import major_minor

if TYPE_CHECKING:
    from packaging.requirements import Requirement

UNMET = "requirement-unmet"
CONFLICT = "resolver-conflict"

Markers = tuple[tuple[str, str], ...]  # marker variables and their values

# Requirements between these are judged by whether they load together, not by what their
# metadata says: pyannote.audio 4.0.3 pins torch 2.8.0 and runs beside 2.5.1.
_JUDGED_BY_LOADING = {"torch", "torchvision", "torchaudio", "torchcodec", "triton"}


@dataclass(frozen=True, slots=True)
class _Unmet:
    """A requirement that does not hold; `version`: the installed one, or nothing."""

    name: str
    requirement: str
    line: str
    version: str


def judge_requirements(facts: Facts) -> Iterator[Finding]:
    """Requirements of installed packages that are not met; what runs all the same is no failure."""
    if not facts.packages.distributions:
        yield skip(UNMET, "nothing is installed")
        yield skip(CONFLICT, "nothing is installed")
        return
    apart = _JUDGED_BY_LOADING | set(facts.provisioned.overridden)
    markers = tuple(_markers(facts).items())
    unmet = [each for d in facts.packages.distributions for each in _unmet(d, facts, markers)]
    notes = [f"{u.line}; here is {u.version or 'none'}" for u in unmet if u.name in apart]
    missing = [each for each in unmet if not each.version and each.name not in apart]
    other = [
        f"{u.line}; installed is {u.version}" for u in unmet if u.version and u.name not in apart
    ]
    lines = [f"{each.line}, which is not installed" for each in missing[:SHOWN]]
    if facts.works and facts.provisioned.drift:
        yield ok(UNMET, "all that was tried runs", *lines, *notes)  # the drift names what changed
    elif missing:
        names = unique(each.requirement for each in missing)
        argv = ("uv", "pip", "install", "--python", facts.interpreter.executable, *names)
        yield Finding(UNMET, "warn" if facts.works else "fail", tuple(lines), (argv,))
    else:
        yield ok(UNMET, "every requirement is met", *notes)
    if not other:
        yield ok(CONFLICT, "all versions fit together")
    elif facts.works:
        yield ok(CONFLICT, "all that was tried runs", *other[:SHOWN])
    else:
        tried = any(each.failed for each in facts.trial)
        yield Finding(CONFLICT, "fail" if tried else "warn", tuple(other[:SHOWN]))


def _unmet(distribution: Distribution, facts: Facts, markers: Markers) -> Iterator[_Unmet]:
    for text in distribution.requires:
        parsed = _parsed(text)
        if parsed is None:
            continue
        name, requirement = parsed
        if requirement.marker and not _applies(text, markers):
            continue
        version = _provided(name, facts)
        if version and _admits(text, version) is not False:
            continue
        required = f"{name}{requirement.specifier}"
        line = f"{distribution.name} {distribution.version} needs {required}"
        yield _Unmet(name, required, line, version)


# What follows from the text alone is kept: many hosts have the same requirements.


@cache
def _parsed(text: str) -> tuple[str, Requirement] | None:
    """The package's name as it is compared, and the requirement; None for a text that is none."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    return normalized(requirement.name), requirement


@cache
def _applies(text: str, markers: Markers) -> bool:
    """Tell if a requirement's marker holds; one that can't be evaluated does not."""
    parsed = _parsed(text)
    marker = parsed[1].marker if parsed else None
    try:
        return marker is None or marker.evaluate({**dict(markers), "extra": ""})
    except ValueError:
        return False


@cache
def _admits(text: str, version: str) -> bool | None:
    """Tell if a requirement admits a version; None for a version that is none."""
    parsed = _parsed(text)
    try:
        return parsed is not None and parsed[1].specifier.contains(version, prereleases=True)
    except ValueError:
        return None


def _provided(name: str, facts: Facts) -> str:
    """The installed version of a package, or of one that holds the same modules."""
    version = facts.packages.version(name)
    if not version and name == "onnxruntime":
        built = (d.version for d in facts.packages.distributions if d.name.startswith(f"{name}-"))
        return next(built, "")
    return version


def _markers(facts: Facts) -> dict[str, str]:
    """The marker variables of the examined interpreter (dependency specifiers)."""
    version = facts.interpreter.version or "3.11.0"
    cpython = facts.interpreter.implementation in ("", "cpython")
    return {
        "python_version": major_minor(version),
        "python_full_version": version,
        "implementation_name": facts.interpreter.implementation or "cpython",
        "implementation_version": version,
        "platform_python_implementation": "CPython" if cpython else "PyPy",
        "platform_system": facts.machine.system,
        "platform_machine": facts.machine.architecture,
        "platform_release": facts.machine.kernel,
        "platform_version": "",
        "sys_platform": facts.machine.system.lower(),
        "os_name": "posix",
    }


CHECKS = (Check(TOPIC, (UNMET, CONFLICT), judge_requirements),)
