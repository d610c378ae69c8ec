"""The NVIDIA driver, its devices, containers: judged by what NVML and libcuda answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlenv.doctor.checks.common import Check, Finding, fail, ok, skip, unique, unknown, way, worst
from mlenv.doctor.checks.cudnn import wants_gpu
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.libraries import folder
from mlenv.doctor.facts.load_probes import ProbeRun
from mlenv.doctor.tables import table
from mlenv.machine.versions import below, release

NONE = "no-nvidia-driver"
MODULE = "nvidia-kernel-module-not-loaded"
VERSIONS = "nvml-driver-library-mismatch"
LIBCUDA = "driver-libcuda-mismatch"
COMPAT = "cuda-forward-compat-unsupported"
TOO_OLD = "driver-too-old"
CONTAINER = "container-without-gpu"
LOST = "container-lost-gpu"
WSL = "wsl-libcuda-not-on-path"
UVM = "cuda-unknown-error-uvm"

# CUresult and nvmlReturn values (CUDA driver API and NVML reference).
MISMATCH_803, COMPAT_804, UNKNOWN_999 = 803, 804, 999
NVML_NOT_LOADED, NVML_MISMATCH = 9, 18

_FILE_VERSION = re.compile(r"\.so\.(\d{3}\.\d+(?:\.\d+)?)$")


@dataclass(frozen=True, slots=True)
class Cuda:
    """The answer of libcuda in one environment. `level`: 12040 for CUDA 12.4."""

    run: ProbeRun
    library: str
    error: str
    init: int | None
    level: int | None
    count: int | None

    @property
    def version(self) -> str:
        """The driver release that the library's file name tells."""
        match = _FILE_VERSION.search(self.library)
        return match[1] if match else ""


def cudas(facts: Facts) -> tuple[Cuda, ...]:
    return tuple(_cuda(run) for run in facts.probes("names"))


def _cuda(run: ProbeRun) -> Cuda:
    opened, init = run.step("cuda:open"), run.step("cuda:cuInit")
    level, count = run.step("cuda:cuDriverGetVersion"), run.step("cuda:cuDeviceGetCount")
    return Cuda(
        run,
        next((file for file in run.mapped if "/libcuda." in file), ""),
        opened.error if opened else "",
        init.status if init else None,
        level.value if level and not level.status else None,
        count.value if count and not count.status else None,
    )


def has_library(facts: Facts) -> bool:
    return facts.driver.nvml.present or any(cuda.init is not None for cuda in cudas(facts))


def judge_presence(facts: Facts) -> Iterator[Finding]:
    """No driver at all, no kernel module, or a container that was not given the GPU."""
    driver, machine = facts.driver, facts.machine
    bus = [f"NVIDIA device {address} on the PCI bus" for address in driver.pci]
    works = bool(driver.gpus) or any(cuda.count for cuda in cudas(facts))
    refused = [node for node in driver.nodes if node.error in ("EPERM", "EACCES")]
    control = driver.node("nvidiactl") or driver.node("dxg")
    request = machine.variable("NVIDIA_VISIBLE_DEVICES")
    expects = request not in (None, "", "void", "none")
    without = machine.container and not control and not works

    if machine.container and refused and not works:
        yield fail(LOST, *(f"{node.file} can't be opened: {node.error}" for node in refused))
    else:
        yield skip(LOST, "no device node that is there but closed")

    if without and (bus or driver.kernel):
        evidence = bus or [f"the host runs NVIDIA driver {driver.kernel}"]
        yield fail(
            CONTAINER, f"in a container ({machine.container}) without /dev/nvidiactl", *evidence
        )
    elif without and expects and wants_gpu(facts) and has_library(facts):
        yield fail(CONTAINER, f"NVIDIA_VISIBLE_DEVICES={request}, and no /dev/nvidiactl is here")
    elif without:
        yield skip(CONTAINER, f"a container ({machine.container}); no sign of a GPU on the host")
    else:
        yield ok(CONTAINER, "not in a container, or the GPU is here")

    module_missing = (
        not driver.kernel
        and not machine.wsl
        and not machine.container
        and not works
        and (has_library(facts) or driver.nvml.code == NVML_NOT_LOADED)
        and (bus or driver.nvml.code == NVML_NOT_LOADED)
    )
    if module_missing:
        nouveau = ["the nouveau module has the device"] if driver.nouveau else []
        reasons = [f"NVML says: {driver.nvml.error}"] if driver.nvml.error else []
        yield fail(
            MODULE, "no /proc/driver/nvidia/version: no module runs", *bus, *nouveau, *reasons
        )
    else:
        yield ok(MODULE, f"module {driver.kernel}") if driver.kernel else skip(MODULE, "no driver")

    if works:
        names = ", ".join(f"{gpu.name} ({_gib(gpu.memory_total)})" for gpu in driver.gpus)
        yield ok(NONE, f"driver {driver.nvml.driver or driver.kernel}: {names or 'a device'}")
    elif bus and not has_library(facts) and not machine.container:
        nouveau = ["the nouveau module has the device"] if driver.nouveau else []
        yield fail(NONE, *bus, "libcuda.so.1 is not found", *nouveau)
    elif has_library(facts) or driver.kernel or machine.wsl:
        yield skip(NONE, "there is a driver")
    else:
        yield skip(NONE, "no NVIDIA GPU and no driver: programs run on the CPU")


def _gib(size: int | None) -> str:
    return f"{size / 1024**3:.0f} GiB" if size else "memory unknown"


def judge_versions(facts: Facts) -> Iterator[Finding]:
    """Releases of the kernel module, NVML and libcuda that differ."""
    driver = facts.driver
    match = _FILE_VERSION.search(driver.nvml.library)
    library = match[1] if match else ""
    if driver.nvml.code == NVML_MISMATCH or (
        library and driver.kernel and library != driver.kernel and driver.nvml.error
    ):
        yield fail(
            VERSIONS,
            f"the kernel module is {driver.kernel or 'of another release'}, libnvidia-ml is "
            f"{library or 'newer'} ({driver.nvml.library})",
            f"NVML says: {driver.nvml.error}",
        )
    elif driver.nvml.driver:
        yield ok(VERSIONS, f"NVML answers, driver {driver.nvml.driver}")
    else:
        yield skip(VERSIONS, "NVML does not answer")

    for check_id, status, name in ((LIBCUDA, MISMATCH_803, "803"), (COMPAT, COMPAT_804, "804")):
        failing = [cuda for cuda in cudas(facts) if cuda.init == status]
        if failing:
            lines = [
                f"{way(c.run.environments)}: cuInit says {name}; libcuda is {c.library}"
                for c in failing
            ]
            if driver.kernel:
                lines.append(f"the kernel module is {driver.kernel}")
            lines += [
                f"LD_LIBRARY_PATH has {entry}"
                for e in facts.environments
                for entry, real in zip(e.library_path, e.real_library_path, strict=True)
                if any(real == folder(c.library) for c in failing)
            ]
            yield Finding(check_id, worst(c.run for c in failing), unique(lines))
        elif any(cuda.init == 0 for cuda in cudas(facts)):
            yield ok(check_id, *unique(f"{c.library} works" for c in cudas(facts) if c.init == 0))
        else:
            yield skip(check_id, "libcuda is not here, or did not start")


def builds(facts: Facts) -> list[tuple[str, str]]:
    """(name, CUDA version) of each build in the environment that uses the GPU."""
    findings = []
    torch = facts.build("torch")
    if torch and torch.cuda:
        findings.append((f"torch {torch.version}", torch.cuda))
    if version := facts.packages.version("ctranslate2"):
        for name in facts.linkage.ctranslate2_opens:
            if name.startswith("libcublas.so."):
                findings.append((f"ctranslate2 {version}", _toolkit_of_ctranslate2(version, name)))
    return findings


def _toolkit_of_ctranslate2(version: str, cublas: str) -> str:
    ptx = table("cuda_driver_table")["ctranslate2_ptx"]
    fitting = [v for v in ptx if v[0].isdigit() and release(v) <= release(version)]
    newest = max(fitting, key=release, default="")
    major = cublas.rpartition(".")[2]
    return ptx[newest] if newest and major == "12" else f"{major}.0"


@dataclass(frozen=True, slots=True)
class Need:
    """A build that uses the GPU, and the driver that it needs.

    `floor`: the oldest driver of that CUDA major; empty where not known. `met`: the driver here
    carries it (any minor of a major does); None without a driver.
    """

    build: str
    cuda: str
    floor: str
    met: bool | None


def driver_level(facts: Facts) -> tuple[str, str]:
    """The driver's release and its CUDA level (`12.4`); empty where not known."""
    levels = [cuda.level for cuda in cudas(facts) if cuda.level]
    level = max([*levels, facts.driver.nvml.cuda])
    driver = facts.driver.nvml.driver or facts.driver.kernel
    return driver, f"{level // 1000}.{level % 1000 // 10}" if level else ""


def needs(facts: Facts) -> tuple[Need, ...]:
    """The needs of all builds that use the GPU."""
    driver, level = driver_level(facts)
    floors = table("cuda_driver_table")["floor"]

    def need(name: str, cuda: str) -> Need:
        major = release(cuda)[0]
        floor = floors.get(str(major), "")
        met = release(level)[0] >= major if level else not (floor and below(driver, floor))
        return Need(name, cuda, floor, met if driver or level else None)

    return tuple(need(name, cuda) for name, cuda in builds(facts))


def judge_too_old(facts: Facts) -> Iterator[Finding]:
    """Does the driver carry the CUDA of each build? Within one major any minor does."""
    driver, level = driver_level(facts)
    if not driver and not level:
        yield skip(TOO_OLD, "there is no driver")
        return
    level_name = f"CUDA {level}" if level else "CUDA level unknown"
    lines, notes = [], []
    for need in needs(facts):
        if not need.met:
            lines.append(
                f"{need.build} is built for CUDA {need.cuda} and needs driver "
                f"{need.floor or '(newer)'} or later; here is {driver or 'one'} ({level_name})"
            )
        else:
            notes.append(f"{need.build} (CUDA {need.cuda}) on driver {driver} ({level_name})")
    if lines:
        yield fail(TOO_OLD, *lines)
    else:
        yield ok(TOO_OLD, *notes) if notes else skip(TOO_OLD, "no build here uses CUDA")


def judge_start(facts: Facts) -> Iterator[Finding]:
    """WSL's library place, and a CUDA that does not start although the driver answers."""
    answers = cudas(facts)
    if facts.machine.wsl and facts.driver.wsl_library:
        failing = [cuda for cuda in answers if cuda.error]
        if failing:
            yield Finding(
                WSL,
                worst(c.run for c in failing),
                unique(
                    [f"{facts.driver.wsl_library} is there"]
                    + [f"{way(c.run.environments)}: {c.error}" for c in failing]
                ),
            )
        else:
            yield ok(WSL, f"libcuda is found: {answers[0].library if answers else ''}")
    else:
        yield skip(WSL, "not WSL with a GPU")
    broken = [cuda for cuda in answers if cuda.init == UNKNOWN_999]
    uvm = facts.driver.node("nvidia-uvm")
    if broken:
        state = (
            "is missing" if uvm is None else f"can't be opened ({uvm.error})" if uvm.error else ""
        )
        lines = [f"{way(c.run.environments)}: cuInit says 999" for c in broken]
        lines += [f"/dev/nvidia-uvm {state}"] if state else []
        yield Finding(UVM, worst(c.run for c in broken), unique(lines))
    elif any(cuda.init == 0 for cuda in answers):
        yield ok(UVM, "CUDA starts")
    elif not has_library(facts):
        yield skip(UVM, "there is no driver")
    else:
        yield unknown(UVM, *unique(f"cuInit says {c.init}" for c in answers if c.init is not None))


TOPIC = "driver and container"
CHECKS = (
    Check(TOPIC, (LOST, CONTAINER, MODULE, NONE), judge_presence),
    Check(TOPIC, (VERSIONS, LIBCUDA, COMPAT), judge_versions),
    Check(TOPIC, (TOO_OLD,), judge_too_old),
    Check(TOPIC, (WSL, UVM), judge_start),
)
