"""The NVIDIA driver and its devices: NVML in a child process, then files.

A driver may hang or crash whoever calls it, so NVML is asked in a child with a time limit only.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlenv.files import decode
from mlenv.machine.children import Child, Ended
from mlenv.result import MlenvError

PROBE = Path(__file__).with_name("probe_nvml.py")
# Seconds. A healthy driver answers in 0.1 to 2 s (persistence mode off, eight GPUs); one that is
# still silent after this long does not answer at all. $MLENV_DRIVER_TIMEOUT sets another limit.
TIME_LIMIT = 10.0
LONGEST = 3600.0
TIMED_OUT = "the child that asked NVML did not answer in time"

_VERSION = re.compile(r"\b(\d{3}\.\d+(?:\.\d+)?)\b")
NVIDIA_VENDOR, NVIDIA_DISPLAY_CLASSES = "0x10de", ("0x0300", "0x0302")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device as NVML lists it; None: it does not say.

    Memory in bytes. `compute_mode`: 0 default, 2 prohibited, 3 exclusive process.
    """

    index: int
    name: str = ""
    uuid: str = ""
    capability: tuple[int, int] | None = None
    memory_total: int | None = None
    memory_free: int | None = None
    mig: bool | None = None
    compute_mode: int | None = None
    processes: int | None = None
    ecc_uncorrected: int | None = None
    remap_pending: bool | None = None
    remap_failed: bool | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Nvml:
    """NVML's answer.

    `cuda` is the driver's CUDA level, 12040 for 12.4. `code`: the number of the NVML error that
    stopped it.
    """

    present: bool = False
    library: str = ""
    driver: str = ""
    cuda: int = 0
    gpus: tuple[Gpu, ...] = ()
    code: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A device node below /dev and whether it could be opened (`error`: the errno's name)."""

    file: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver and its devices.

    `kernel`: the version of the running kernel module, empty if there is none. `pci`: NVIDIA
    display devices on the bus. `nouveau`: its module is loaded. `wsl_library`: WSL's libcuda, if
    there is one.
    """

    nvml: Nvml = field(default_factory=Nvml)
    kernel: str = ""
    nodes: tuple[Node, ...] = ()
    pci: tuple[str, ...] = ()
    nouveau: bool = False
    wsl_library: str = ""

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """The devices that NVML lists."""
        return self.nvml.gpus

    def node(self, name: str) -> Node | None:
        """The device node of that name below /dev."""
        return next((node for node in self.nodes if node.file.endswith(f"/{name}")), None)


# The sentence about a driver that did not answer, once that has happened in this process.
_UNANSWERED: list[str] = []


def unanswered() -> str:
    """The sentence about a driver that did not answer in time; empty if there was none."""
    return _UNANSWERED[0] if _UNANSWERED else ""


def time_limit(environ: Mapping[str, str]) -> float:
    """Seconds that the driver gets to answer."""
    try:
        seconds = float(environ.get("MLENV_DRIVER_TIMEOUT") or TIME_LIMIT)
    except ValueError:
        return TIME_LIMIT
    return seconds if 0 < seconds <= LONGEST else TIME_LIMIT


def start(environ: Mapping[str, str], root: Path = Path("/")) -> Child:
    """Start asking NVML, and opening the device nodes below `root`."""
    return Child([sys.executable, "-P", str(PROBE), str(root)], environ, time_limit(environ))


def ask(environ: Mapping[str, str]) -> Nvml:
    """Ask NVML and wait; a driver that did not answer once is not asked again."""
    if _UNANSWERED:
        return Nvml(True, error=TIMED_OUT)
    child = start(environ)
    return _answers(child.ended(), child.limit)[0]


def finish(child: Child, root: Path) -> Driver:
    """The driver, once `child` (see `start`) has ended.

    `root` is `/`, or a directory with another machine's `proc`, `sys` and `dev`.
    """
    wsl = root / "usr/lib/wsl/lib/libcuda.so.1"
    nvml, nodes = _answers(child.ended(), child.limit)
    return Driver(
        nvml,
        kernel_version(root),
        nodes,
        pci_addresses(root),
        (root / "sys/module/nouveau").is_dir(),
        str(wsl) if wsl.is_file() else "",
    )


def _answers(ended: Ended, limit: float) -> tuple[Nvml, tuple[Node, ...]]:
    opened, _, answer = ended.stdout.partition("\n")
    nodes = dict[str, str]()
    with contextlib.suppress(MlenvError):
        nodes = decode(opened, dict[str, str], PROBE)
    return _nvml(answer, ended, limit), tuple(Node(*pair) for pair in nodes.items())


def _nvml(answer: str, ended: Ended, limit: float) -> Nvml:
    try:
        return decode(answer, Nvml, PROBE)
    except MlenvError:
        if not ended.timed_out:
            return Nvml(True, error=f"the child that asked NVML ended with {ended.exit_code}")
    _UNANSWERED[:] = [
        f"the NVIDIA driver did not answer within {limit:g} s, so its GPUs are not known; "
        "`nvidia-smi` hangs too, and restarting the machine is what usually helps"
    ]
    return Nvml(True, error=TIMED_OUT)


def kernel_version(root: Path) -> str:
    """The version of the running kernel module; empty if there is none."""
    for name in ("sys/module/nvidia/version", "proc/driver/nvidia/version"):
        try:
            text = (root / name).read_text(errors="replace")
        except OSError:
            continue
        if match := _VERSION.search(text):
            return match[1]
    return ""


def pci_addresses(root: Path) -> tuple[str, ...]:
    """The NVIDIA display devices on the PCI bus, whether or not a driver knows them."""
    addresses = []
    try:
        devices = sorted((root / "sys/bus/pci/devices").iterdir())
    except OSError:
        return ()
    for device in devices:
        try:
            vendor = (device / "vendor").read_text(errors="replace").strip()
            kind = (device / "class").read_text(errors="replace").strip()
        except OSError:
            continue
        if vendor == NVIDIA_VENDOR and kind.startswith(NVIDIA_DISPLAY_CLASSES):
            addresses.append(device.name)
    return tuple(addresses)
