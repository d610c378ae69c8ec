"""The traits of a host in which hosts of a fleet should be alike, from its facts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.environments import LAUNCH
from mlenv.doctor.facts.libraries import file_name, loader_name
from mlenv.doctor.facts.trial import Tried
from mlenv.machine.system import is_of_interest

DRIVER = "driver and GPUs"
ENVIRONMENT = "lock and environment"
LIBRARIES = "libraries in memory"
PACKAGES = "packages"
SYSTEM = "system"
VARIABLES = "variables"
LAUNCHERS = "launchers"
TRIAL = "trial"
SNAPSHOT = "snapshot"

# The topics in the order in which they are shown, and the words for what is not there.
TOPICS = {
    DRIVER: "none",
    ENVIRONMENT: "none",
    LIBRARIES: "not in memory",
    PACKAGES: "not installed",
    SYSTEM: "none",
    VARIABLES: "not set",
    LAUNCHERS: "not looked at",
    TRIAL: "not known",
    SNAPSHOT: "none",
}
COMPUTE_MODES = {0: "default", 1: "exclusive thread", 2: "prohibited", 3: "exclusive process"}
# The name that mlenv gives a generation ends in the first digits of its lock's sha256.
_GENERATION = re.compile(r"/\d{3,}-.+-([0-9a-f]{8})$")

Subject = tuple[str, str]  # topic and name
# The name of a subject and its value; empty: it is not there, None: it is not known.
Row = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Traits:
    """The facts of one host, by topic and subject.

    `whole`: topics of which all is known, so that what has no value is not there; but for the
    subjects that are `unknown` nevertheless.
    """

    values: Mapping[Subject, str]
    whole: frozenset[str]
    unknown: frozenset[Subject] = frozenset()

    def knows(self, subject: Subject) -> bool:
        """Tell if a value, or that there is none, is known."""
        return subject in self.values or (subject[0] in self.whole and subject not in self.unknown)


def of(facts: Facts, mlenv: str) -> Traits:
    """The traits of a host; `mlenv`: the version that took the snapshot."""
    read = [
        ((topic, subject), value)
        for topic, reader in _READERS.items()
        for subject, value in reader(facts)
    ]
    values = {subject: value for subject, value in read if value}
    looks = "quick" if facts.quick else "full"
    values |= {(SNAPSHOT, "mlenv"): mlenv or "not said", (SNAPSHOT, "look"): looks}
    unknown = frozenset(subject for subject, value in read if value is None)
    return Traits(values, frozenset(_whole(facts)), unknown)


def _whole(facts: Facts) -> Iterator[str]:
    nvml, driver = facts.driver.nvml, facts.driver
    if not nvml.error or not (nvml.present or driver.kernel or driver.pci):
        yield DRIVER
    if not facts.interpreter.error:
        yield ENVIRONMENT
    if not facts.quick and any(LAUNCH in run.environments for run in facts.runs):
        yield LIBRARIES
    if facts.packages.distributions or not facts.interpreter.error:
        yield PACKAGES
    if facts.machine.system:
        yield SYSTEM
    if facts.machine.variables is not None:
        yield VARIABLES


def _driver(facts: Facts) -> Iterator[Row]:
    nvml, gpus = facts.driver.nvml, facts.driver.gpus
    yield "NVIDIA driver", nvml.driver or facts.driver.kernel
    yield "CUDA level of the driver", _level(nvml.cuda)
    yield "GPUs", _counted([gpu.name or "unnamed" for gpu in gpus])
    yield "GPUs on the bus", str(len(facts.driver.pci) or "")
    yield "memory of a GPU", _each(f"{g.memory_total / 1e9:.1f} GB" for g in gpus if g.memory_total)
    yield "compute capability", _each("{}.{}".format(*g.capability) for g in gpus if g.capability)
    yield "MIG", _each("on" if gpu.mig else "off" for gpu in gpus if gpu.mig is not None)
    modes = (gpu.compute_mode for gpu in gpus if gpu.compute_mode is not None)
    yield "compute mode", _each(COMPUTE_MODES.get(mode, str(mode)) for mode in modes)


def _level(cuda: int) -> str:
    return f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda > 0 else ""


def _counted(names: list[str]) -> str:
    """`8 x NVIDIA H100`; several models one after the other."""
    return ", ".join(f"{names.count(name)} x {name}" for name in dict.fromkeys(names))


def _each(values: Iterator[str]) -> str:
    """The values of all GPUs, each once."""
    return ", ".join(dict.fromkeys(values))


def _environment(facts: Facts) -> Iterator[Row]:
    provisioned, python = facts.provisioned, facts.interpreter
    yield "environment", facts.venv
    yield "profile", provisioned.profile
    generation = _GENERATION.search(python.prefix)
    lock = generation[1] if generation else None
    yield "lock (sha256)", lock if provisioned.managed else ""
    yield "Python", python.version
    for build in facts.builds:
        yield f"CUDA of {build.name}", build.cuda or build.flavour


def _libraries(facts: Facts) -> Iterator[Row]:
    """The files that programs of the launch environment had mapped, by the library's name.

    As a path below the environment, or a whole one; with the size, where that is known.
    """
    copies = {copy.real: copy for copy in facts.linkage.copies}
    inside = (f"{facts.interpreter.packages}/", f"{facts.interpreter.prefix}/")
    found: dict[str, set[str]] = {}
    runs = [run for run in facts.runs if LAUNCH in run.environments and run.probe != "reopened"]
    for real in {file for run in runs for file in run.mapped}:
        copy = copies.get(real)
        file = copy.file if copy and copy.origin in ("wheel", "torch") else real
        name = file_name(file)
        place = next((file.removeprefix(each) for each in inside if file.startswith(each)), "")
        if ".so" in name and (place or is_of_interest(name)):
            size = f" ({copy.size:,} bytes)" if copy and copy.size is not None else ""
            library, major = loader_name(name)
            shown = f"{library}.so.{major}" if major else library
            found.setdefault(shown, set()).add(f"{place or file}{size}")
    for shown, places in sorted(found.items()):
        yield shown, ", ".join(sorted(places))


def _packages(facts: Facts) -> Iterator[Row]:
    """The versions; the first of a name on the path is the one that counts."""
    seen: dict[str, str] = {}
    for each in facts.packages.distributions:
        seen.setdefault(each.name, each.version or "?")
    yield from sorted(seen.items())


def _system(facts: Facts) -> Iterator[Row]:
    machine = facts.machine
    yield "distribution", machine.distribution
    yield "kernel", machine.kernel
    yield "architecture", machine.architecture
    yield "glibc", machine.glibc
    yield "container", machine.container
    yield "WSL", "yes" if machine.wsl else ""


def _variables(facts: Facts) -> Iterator[Row]:
    for name, value in sorted((facts.machine.variables or {}).items()):
        yield name, value or "empty"


def _launchers(facts: Facts) -> Iterator[Row]:
    for shim in facts.provisioned.shims:
        yield shim.launcher, "its folder is gone" if shim.gone else shim.state


def _trial(facts: Facts) -> Iterator[Row]:
    for each in facts.trial:
        yield each.part, _outcome(each)


def _outcome(tried: Tried) -> str:
    if tried.left_out:
        return f"not tried: {tried.left_out}"
    return "failed" if tried.failed else "ran"


_READERS: dict[str, Callable[[Facts], Iterator[Row]]] = {
    DRIVER: _driver,
    ENVIRONMENT: _environment,
    LIBRARIES: _libraries,
    PACKAGES: _packages,
    SYSTEM: _system,
    VARIABLES: _variables,
    LAUNCHERS: _launchers,
    TRIAL: _trial,
}
