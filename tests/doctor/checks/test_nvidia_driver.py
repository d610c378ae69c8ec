"""Drivers of many kinds, through the real nvidia-ml-py and the real loader.

The driver itself is a stand-in (standin/*.c), because no machine has all of these; what is
installed in the environment is stated as facts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mlenv.doctor import examine
from mlenv.doctor.facts import Facts, target
from mlenv.doctor.facts.builds import Build
from mlenv.doctor.facts.libraries import Linkage
from mlenv.doctor.facts.load_probes import ProbeRun, Step
from mlenv.doctor.facts.packages import Distribution, Packages
from mlenv.machine.children import Child
from tests.support.drivers import install_library, needs_gcc
from tests.support.venvs import empty_venv

pytestmark = needs_gcc

TORCH = {
    "2.5.1+cu124": Build("torch", "2.5.1+cu124", "12.4", flavour="cuda"),
    "2.5.1+cpu": Build("torch", "2.5.1+cpu", flavour="cpu"),
    "2.8.0+cu128": Build("torch", "2.8.0+cu128", "12.8", flavour="cuda"),
    "2.11.0+cu130": Build("torch", "2.11.0+cu130", "13.0", flavour="cuda"),
}
TOPICS = ("driver and container", "devices", "torch and its companions")
Look = Callable[..., examine.Report]


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_venv(tmp_path_factory.mktemp("empty") / "venv")


@pytest.fixture
def look(driver_libraries: Path, venv: Path, tmp_path: Path) -> Look:
    """`look(driver="550.54.14", gpus=1, ..)`: examine a machine with this driver."""

    def look(
        *,
        driver: str = "550.54.14",
        kernel: str | None = None,
        torch: str = "2.5.1+cu124",
        ctranslate2: str = "4.6.2",
        nvml: bool = True,
        cuda: bool = True,
        nodes: tuple[str, ...] = ("nvidiactl", "nvidia-uvm", "nvidia0"),
        pci: bool = True,
        marks: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        **answers: object,
    ) -> examine.Report:
        root, place = tmp_path / "root", tmp_path / "driver"
        place.mkdir()
        if nvml:
            install_library(driver_libraries / "nvml.so", place, "libnvidia-ml.so.1", driver)
        if cuda:
            install_library(driver_libraries / "cuda.so", place, "libcuda.so.1", driver)
        _machine(root, driver if kernel is None else kernel, nodes, pci=pci, marks=marks)
        told = {f"STANDIN_{name.upper()}": str(value) for name, value in answers.items()}
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "HF_HUB_OFFLINE": "1",
            "LD_LIBRARY_PATH": str(place),
            "STANDIN_DRIVER": driver,
            **told,
            **(variables or {}),
        }
        seen = examine.examine(
            target.of_venv(venv), environ=environ, root=root, directory=tmp_path
        ).facts
        return examine.judge(_with(seen, TORCH[torch], ctranslate2))

    return look


def _machine(
    root: Path, kernel: str, nodes: tuple[str, ...], *, pci: bool, marks: tuple[str, ...]
) -> None:
    def write(name: str, text: str = "") -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    write("proc/sys/kernel/osrelease", "6.8.0-45-generic\n")
    if kernel:
        write("proc/driver/nvidia/version", f"NVRM version: NVIDIA UNIX  {kernel}  Release Build\n")
    for node in nodes:
        write(f"dev/{node}")
    if pci:
        write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n")
        write("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n")
    for mark in marks:
        name, _, text = mark.partition("=")
        write(name, text)


def _with(seen: Facts, torch: Build, ctranslate2: str) -> Facts:
    installed = (
        Distribution("torch", torch.version, "/site-packages"),
        Distribution("ctranslate2", ctranslate2, "/site-packages"),
    )
    return replace(
        seen,
        builds=(torch,),
        packages=Packages(installed),
        linkage=Linkage(ctranslate2_opens=("libcublas.so.12",)),
    )


def bad(report: examine.Report) -> dict[str, str]:
    return {f.id: f.outcome for check, f in report.judged if f.bad and check.topic in TOPICS}


def evidence(report: examine.Report, id: str) -> str:
    return "\n".join(next(f for f in report.findings if f.id == id).evidence)


HEALTHY = {
    "8.9 runs 8.6 code": {"capability": 89},
    "a 12.4 build on the oldest driver of CUDA 12": {"driver": "525.60.13", "level": 12000},
    "a 12.1 to 12.4 build on a driver for 13": {"driver": "580.65.06", "level": 13000},
    "a Pascal card": {"capability": 61, "name": "NVIDIA GeForce GTX 1080"},
    "a Hopper card, ctranslate2 through PTX": {"capability": 90, "driver": "550.54.14"},
    "Blackwell with a build for it": {
        "capability": 120, "torch": "2.8.0+cu128", "driver": "570.124.06", "level": 12080,
    },
    "CUDA 13 with its driver": {"torch": "2.11.0+cu130", "driver": "580.65.06", "level": 13000},
    "eight devices": {"gpus": 8},
    "MIG on": {"mig": 1},
    "a GPU that is used by others, with memory left": {"processes": 3, "free_mib": 9000},
    "a container that was given the GPU": {"marks": (".dockerenv",), "pci": False},
    "one of two GPUs chosen": {"gpus": 2, "variables": {"CUDA_VISIBLE_DEVICES": "1"}},
    "one GPU chosen by UUID": {"variables": {"CUDA_VISIBLE_DEVICES": "GPU-00000000"}},
    "WSL": {
        "marks": ("proc/sys/kernel/osrelease=5.15.153.1-microsoft-standard-WSL2",),
        "kernel": "", "pci": False, "nodes": ("dxg",),
    },
}  # fmt: skip


@pytest.mark.parametrize("answers", HEALTHY.values(), ids=HEALTHY)
def test_healthy_machines_that_look_odd(look: Look, answers: Mapping[str, object]) -> None:
    assert bad(look(**answers)) == {}


BROKEN = {
    "driver 470 under a CUDA 12 build": (
        {"driver": "470.223.02", "level": 11040},
        {"driver-too-old": "fail"},
    ),
    "driver 550 under a CUDA 13 build": (
        {"torch": "2.11.0+cu130", "level": 12040},
        {"driver-too-old": "fail"},
    ),
    "Blackwell under torch 2.5.1": (
        {"capability": 120, "driver": "580.65.06", "level": 13000},
        {"gpu-newer-than-wheel": "fail"},
    ),
    "Hopper under a driver that is older than the PTX": (
        {"capability": 90, "driver": "535.54.03", "level": 12020},
        {"gpu-newer-than-wheel": "fail"},
    ),
    "a Kepler card": ({"capability": 37}, {"gpu-older-than-wheel": "fail"}),
    "Maxwell: torch has code, ctranslate2 none": (
        {"capability": 52},
        {"gpu-older-than-wheel": "fail"},
    ),
    "torch without CUDA beside a GPU": (
        {"torch": "2.5.1+cpu"},
        {"torch-cpu-only-build": "fail"},
    ),
    "kernel module and libraries differ": (
        {"nvml_init": 18, "cuinit": 803, "kernel": "550.54.14", "driver": "550.90.07"},
        {"nvml-driver-library-mismatch": "fail"},
    ),
    "the module is not loaded": (
        {"nvml_init": 9, "cuinit": 100, "kernel": "", "nodes": ()},
        {"nvidia-kernel-module-not-loaded": "fail"},
    ),
    "nouveau has the device": (
        {"nvml": False, "cuda": False, "kernel": "", "nodes": (),
         "marks": ("sys/module/nouveau/initstate=live",)},
        {"no-nvidia-driver": "fail"},
    ),
    "forward compatibility on a card that may not": (
        {"cuinit": 804},
        {"cuda-forward-compat-unsupported": "fail"},
    ),
    "error 999 without the node": (
        {"cuinit": 999, "nodes": ("nvidiactl", "nvidia0")},
        {"cuda-unknown-error-uvm": "fail"},
    ),
    "a container without the GPU of its host": (
        {"marks": (".dockerenv",), "nvml": False, "cuda": False, "nodes": ()},
        {"container-without-gpu": "fail"},
    ),
    "a device that does not exist": (
        {"variables": {"CUDA_VISIBLE_DEVICES": "1"}},
        {"cuda-visible-devices-wrong": "warn"},
    ),
    "compute mode prohibited": ({"compute_mode": 2}, {"gpu-busy-or-unavailable": "fail"}),
    "exclusive and in use": (
        {"compute_mode": 3, "processes": 1},
        {"gpu-busy-or-unavailable": "fail"},
    ),
    "a lost GPU": ({"gpus": 2, "lost": 1}, {"gpu-busy-or-unavailable": "fail"}),
    "uncorrected memory errors": ({"ecc": 4}, {"gpu-hardware-ecc": "warn"}),
    "row remapping failed": ({"remap_failed": 1}, {"gpu-hardware-ecc": "fail"}),
    "no memory left": ({"free_mib": 300, "processes": 2}, {"cuda-oom": "warn"}),
}  # fmt: skip


@pytest.mark.parametrize(("answers", "expected"), BROKEN.values(), ids=BROKEN)
def test_broken_machines(
    look: Look, answers: Mapping[str, object], expected: Mapping[str, str]
) -> None:
    assert bad(look(**answers)) == expected


def test_the_evidence_names_driver_build_and_need(look: Look) -> None:
    report = look(driver="470.223.02", level=11040)
    assert evidence(report, "driver-too-old").splitlines() == [
        "torch 2.5.1+cu124 is built for CUDA 12.4 and needs driver 525.60.13 or later; "
        "here is 470.223.02 (CUDA 11.4)",
        "ctranslate2 4.6.2 is built for CUDA 12.4 and needs driver 525.60.13 or later; "
        "here is 470.223.02 (CUDA 11.4)",
    ]


@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 9, 12, 15, 16, 17, 18, 19, 20, 24, 999])
def test_no_error_of_nvml_takes_the_doctor_down(look: Look, code: int) -> None:
    report = look(nvml_init=code)
    assert report.facts.driver.nvml.code == code
    assert report.exit_code() in (0, 1)
    assert not any(finding.outcome == "crash" for finding in report.findings)


def test_a_child_that_hangs_is_killed_at_its_time_limit() -> None:
    ended = Child(["/bin/sleep", "60"], os.environ, 0.2).ended()
    assert (ended.timed_out, ended.exit_code) == (True, -9)


def test_a_container_that_lost_its_gpu(look: Look) -> None:
    """The device cgroup was rewritten: the nodes are there and refuse to open."""
    seen = look(marks=(".dockerenv",), nvml_init=999, cuinit=999).facts
    nodes = tuple(replace(node, error="EPERM") for node in seen.driver.nodes)
    report = examine.judge(replace(seen, driver=replace(seen.driver, nodes=nodes)))
    assert bad(report)["container-lost-gpu"] == "fail"
    assert "nvidiactl can't be opened: EPERM" in evidence(report, "container-lost-gpu")


def test_wsl_with_its_library_off_the_path(look: Look) -> None:
    kernel = "proc/sys/kernel/osrelease=5.15.153.1-microsoft-standard-WSL2"
    library = "usr/lib/wsl/lib/libcuda.so.1"
    report = look(
        nvml=False, cuda=False, kernel="", pci=False, nodes=("dxg",), marks=(kernel, library)
    )
    assert bad(report) == {"wsl-libcuda-not-on-path": "fail"}


@pytest.mark.parametrize("torch", ["2.5.1+cpu", "2.5.1+cu124"])
def test_no_gpu_and_no_driver_is_no_alarm(look: Look, torch: str) -> None:
    assert bad(look(nvml=False, cuda=False, kernel="", nodes=(), pci=False, torch=torch)) == {}


def _computed(seen: Facts, *steps: Step) -> Facts:
    run = ProbeRun("gpu", ("launch",), {}, steps, (), 0)
    return replace(seen, runs=(*seen.runs, run))


def test_what_was_seen_to_compute_beats_the_table(look: Look) -> None:
    """A build that the table does not know for this GPU, and that computes on it."""
    seen = look(capability=120, driver="580.65.06", level=13000).facts
    assert bad(examine.judge(seen)) == {"gpu-newer-than-wheel": "fail"}
    steps = (Step("torch:start", True), Step("torch:convolution", True))
    assert bad(examine.judge(_computed(seen, *steps))) == {}


def test_a_computation_that_fails_is_listed_under_its_root(look: Look) -> None:
    seen = look(capability=120, driver="580.65.06", level=13000).facts
    error = "RuntimeError: CUDA error: no kernel image is available for execution on the device"
    steps = (Step("torch:start", True), Step("torch:convolution", True, error=error))
    report = examine.judge(_computed(seen, *steps))
    assert bad(report) == {"gpu-newer-than-wheel": "fail"}
    assert f"torch:convolution: {error}" in evidence(report, "gpu-newer-than-wheel")
