"""Snapshots of the hosts of a fleet, made from facts, as `doctor --snapshot` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlenv.doctor import snapshot
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.builds import Build
from mlenv.doctor.facts.packages import Distribution, Packages
from mlenv.doctor.facts.target import Interpreter
from mlenv.doctor.facts.trial import Tried
from mlenv.machine.driver import Driver, Gpu, Node, Nvml
from mlenv.machine.system import Machine

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
PREFIX = "/opt/.ml.mlenv/generations/001-cu124-53feeb84"
PYTHON = Interpreter(
    f"{PREFIX}/bin/python", PREFIX, f"{PREFIX}/lib", f"{PREFIX}/lib", version="3.11.9"
)
TORCH = Distribution("torch", "2.5.1+cu124", f"{PREFIX}/lib")
RAN = Tried("torch", "2.5.1+cu124 computed on the GPU")
L4, H100 = "NVIDIA L4", "NVIDIA H100 80GB HBM3"
HOST = Facts(
    "/opt/ml",
    False,
    PYTHON,
    Machine("Linux", "6.8.0-45-generic", "x86_64", "Ubuntu 24.04", "2.39", variables={}),
    packages=Packages((TORCH,)),
    builds=(Build("torch", "2.5.1+cu124", "12.4", "cuda"),),
    trial=(RAN,),
)


def gpus(driver: str = "550.54.15", cuda: int = 12040, number: int = 2, name: str = L4) -> Driver:
    """A driver with so many GPUs of one kind."""
    listed = tuple(
        Gpu(place, name, f"GPU-{place}", (8, 9), 24_152_899_584, 24_000_000_000, False, 0, 0)
        for place in range(number)
    )
    return Driver(
        Nvml(True, "libnvidia-ml.so.1", driver, cuda, listed),
        driver,
        tuple(Node(f"/dev/nvidia{place}") for place in ("ctl", "-uvm", *range(number))),
        tuple(f"0000:{place:02x}:00.0" for place in range(number)),
    )


def with_packages(facts: Facts, **versions: str) -> Facts:
    """The facts with other versions of some packages; an empty one takes the package away."""
    own = {each.name: each for each in facts.packages.distributions}
    own |= {
        name: Distribution(name, version, f"{PREFIX}/lib") for name, version in versions.items()
    }
    return replace(facts, packages=Packages(tuple(each for each in own.values() if each.version)))


def written(
    folder: Path, hosts: Mapping[str, Facts], ages: Sequence[tuple[str, timedelta]] = ()
) -> Path:
    """The folder, with a snapshot of each host; `ages`: how long before noon some were taken."""
    folder.mkdir(parents=True, exist_ok=True)
    before = dict(ages)
    for name, facts in hosts.items():
        when = NOON - before.get(name, timedelta())
        (folder / f"{name}.json").write_text(snapshot.written(facts, (), (), when), "utf-8")
    return folder
