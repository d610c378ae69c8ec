"""The NVIDIA driver and its devices: NVML and the CUDA driver API in children, then files."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlenv.machine.children import Child

PROBE = Path(__file__).with_name("probe_nvml.py")
_VERSION = re.compile(r"\b(\d{3}\.\d+(?:\.\d+)?)\b")
NVIDIA_VENDOR, NVIDIA_DISPLAY_CLASSES = "0x10de", ("0x0300", "0x0302")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device as NVML lists it; None: it does not say. Memory in bytes. `compute_mode`:
    0 default, 2 prohibited, 3 exclusive process."""

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
    """What NVML answered. `cuda` is the driver's CUDA level, 12040 for 12.4. `code`: the
    number of the NVML error that stopped it."""

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
    """`kernel`: the version of the kernel module that runs, empty where none does.
    `pci`: NVIDIA display devices on the bus. `nouveau`: its module is loaded. `wsl_library`:
    where WSL keeps libcuda, if it does."""

    nvml: Nvml = field(default_factory=Nvml)
    kernel: str = ""
    nodes: tuple[Node, ...] = ()
    pci: tuple[str, ...] = ()
    nouveau: bool = False
    wsl_library: str = ""

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        return self.nvml.gpus

    def node(self, name: str) -> Node | None:
        return next((node for node in self.nodes if node.file.endswith(f"/{name}")), None)


def start(environ: Mapping[str, str]) -> Child:
    return Child([sys.executable, "-P", str(PROBE)], environ, 15.0)


def finish(child: Child, root: Path) -> Driver:
    """`root` is `/`, or a directory with another machine's `proc`, `sys` and `dev`."""
    wsl = root / "usr/lib/wsl/lib/libcuda.so.1"
    return Driver(
        _nvml(child),
        _kernel(root),
        _nodes(root),
        _pci(root),
        (root / "sys/module/nouveau").is_dir(),
        str(wsl) if wsl.is_file() else "",
    )


def _nvml(child: Child) -> Nvml:
    ended = child.ended()
    try:
        said: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        why = "did not answer in time" if ended.timed_out else f"ended with {ended.exit_code}"
        return Nvml(True, error=f"the child that asked NVML {why}")
    gpus = tuple(
        Gpu(**{**gpu, "capability": tuple(gpu["capability"]) if "capability" in gpu else None})
        for gpu in said.get("gpus", ())
    )
    return Nvml(
        said["present"],
        said.get("library", ""),
        said.get("driver", ""),
        said.get("cuda", 0),
        gpus,
        said.get("code"),
        said.get("error", ""),
    )


def _kernel(root: Path) -> str:
    for name in ("sys/module/nvidia/version", "proc/driver/nvidia/version"):
        try:
            text = (root / name).read_text()
        except OSError:
            continue
        if found := _VERSION.search(text):
            return found[1]
    return ""


def _nodes(root: Path) -> tuple[Node, ...]:
    names = [f"nvidia{index}" for index in range(16)]
    found = []
    for name in ("nvidiactl", "nvidia-uvm", "dxg", *names):
        file = root / "dev" / name
        if not file.exists():
            continue
        try:
            os.close(os.open(file, os.O_RDWR | os.O_NONBLOCK))
        except OSError as error:
            found.append(Node(str(file), errno.errorcode.get(error.errno or 0, str(error))))
        else:
            found.append(Node(str(file)))
    return tuple(found)


def _pci(root: Path) -> tuple[str, ...]:
    found = []
    try:
        devices = sorted((root / "sys/bus/pci/devices").iterdir())
    except OSError:
        return ()
    for device in devices:
        try:
            vendor = (device / "vendor").read_text().strip()
            kind = (device / "class").read_text().strip()
        except OSError:
            continue
        if vendor == NVIDIA_VENDOR and kind.startswith(NVIDIA_DISPLAY_CLASSES):
            found.append(device.name)
    return tuple(found)
