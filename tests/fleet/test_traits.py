"""The traits of a host: what its facts come to, and what they leave open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.generation import Launched, Provisioned
from mlenv.doctor.facts.libraries import Copy, Linkage
from mlenv.doctor.facts.load_probes import ProbeRun
from mlenv.doctor.facts.trial import Tried
from mlenv.fleet import traits
from mlenv.machine.driver import Driver, Nvml
from tests.support.fleets import HOST, PREFIX, gpus

LIB = f"{PREFIX}/lib"
BUILT = Provisioned(True, "cu124", shims=(Launched("jupyter", "installed"),))


def run(*mapped: str, names: tuple[str, ...] = ("launch",), probe: str = "torch") -> ProbeRun:
    return ProbeRun(probe, names, {}, (), mapped, 0)


def of(facts: Facts) -> dict[str, dict[str, str]]:
    """The values by topic."""
    values: dict[str, dict[str, str]] = {}
    for (topic, subject), value in traits.of(facts, "0.1.0").values.items():
        values.setdefault(topic, {})[subject] = value
    return values


def test_all_traits_of_a_host() -> None:
    facts = replace(
        HOST,
        driver=gpus(number=2),
        provisioned=BUILT,
        machine=replace(HOST.machine, variables={"HF_HUB_OFFLINE": "1", "CUDA_HOME": ""}),
        linkage=Linkage(copies=(Copy(f"{LIB}/nvidia/libcudnn.so.9", "wheel", "/store/ab1", 10),)),
        runs=(
            run("/store/ab1", f"{LIB}/torch/lib/libtorch_cpu.so", "/usr/lib/libc.so.6"),
            run("/usr/lib/libcuda.so.1", "/usr/local/cuda/libcudnn.so.9.1.0"),
            run("/elsewhere/libcublas.so.12", names=("bare",)),
            run("/elsewhere/libcublas.so.12", probe="reopened"),
        ),
        trial=(*HOST.trial, Tried("words", left_out="no model here"), Tried("speakers")),
    )
    assert of(facts) == {
        "driver and GPUs": {
            "NVIDIA driver": "550.54.15",
            "CUDA level of the driver": "12.4",
            "GPUs": "2 x NVIDIA L4",
            "GPUs on the bus": "2",
            "memory of a GPU": "24.2 GB",
            "compute capability": "8.9",
            "MIG": "off",
            "compute mode": "default",
        },
        "lock and environment": {
            "environment": "/opt/ml",
            "profile": "cu124",
            "lock (sha256)": "53feeb84",
            "Python": "3.11.9",
            "CUDA of torch": "12.4",
        },
        "libraries in memory": {
            "libcuda.so.1": "/usr/lib/libcuda.so.1",
            "libcudnn.so.9": "/usr/local/cuda/libcudnn.so.9.1.0, nvidia/libcudnn.so.9 (10 bytes)",
            "libtorch_cpu.so": "torch/lib/libtorch_cpu.so",
        },
        "packages": {"torch": "2.5.1+cu124"},
        "system": {
            "distribution": "Ubuntu 24.04",
            "kernel": "6.8.0-45-generic",
            "architecture": "x86_64",
            "glibc": "2.39",
        },
        "variables": {"CUDA_HOME": "empty", "HF_HUB_OFFLINE": "1"},
        "launchers": {"jupyter": "installed"},
        "trial": {"torch": "ran", "words": "not tried: no model here", "speakers": "failed"},
        "snapshot": {"mlenv": "0.1.0", "look": "full"},
    }


SILENT = Driver(Nvml(True, error="NVML_ERROR_UNKNOWN"), "550.54.15")
LOCK = (traits.ENVIRONMENT, "lock (sha256)")
MOVED = replace(HOST.interpreter, prefix="/opt/ml")


@pytest.mark.parametrize(
    ("facts", "subject", "known"),
    [
        (HOST, (traits.DRIVER, "NVIDIA driver"), True),  # there is none
        (replace(HOST, driver=SILENT), (traits.DRIVER, "GPUs"), False),
        (replace(HOST, driver=SILENT), (traits.DRIVER, "NVIDIA driver"), True),
        (HOST, LOCK, True),  # not built by mlenv: none
        (replace(HOST, provisioned=BUILT, interpreter=MOVED), LOCK, False),
        (HOST, (traits.LIBRARIES, "libcudnn.so.9"), False),
        (replace(HOST, runs=(run("/a.so"),)), (traits.LIBRARIES, "libcudnn.so.9"), True),
        (replace(HOST, quick=True, runs=(run("/a.so"),)), (traits.LIBRARIES, "libcudnn"), False),
        (HOST, (traits.PACKAGES, "numpy"), True),
        (HOST, (traits.VARIABLES, "LD_PRELOAD"), True),
        (
            replace(HOST, machine=replace(HOST.machine, variables=None)),
            (traits.VARIABLES, "LD_PRELOAD"),
            False,
        ),
        (HOST, (traits.TRIAL, "words"), False),
    ],
)
def test_what_is_not_there_is_told_from_what_is_not_known(
    facts: Facts, subject: traits.Subject, known: bool
) -> None:
    assert traits.of(facts, "").knows(subject) is known


def test_every_topic_has_a_word_for_what_is_not_there() -> None:
    assert {topic for topic, _ in traits.of(HOST, "").values} <= set(traits.TOPICS)
    assert all(traits.TOPICS.values())
