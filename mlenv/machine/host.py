"""The machine as far as choosing a profile needs it: platform, C library, NVIDIA driver."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

_DRIVER_FILES = ("/sys/module/nvidia/version", "/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Host:
    """`platform` as profiles name it (`linux-x86_64`); None where a fact does not apply.

    `gpus`: (name, compute capability) of each device that the driver lists.
    """

    platform: str
    glibc: str | None
    driver: str | None
    gpus: tuple[tuple[str, str], ...] = ()


def collect() -> Host:
    driver, gpus = _nvml()
    return Host(_platform(), _glibc(), driver or _driver_of_the_kernel(), gpus)


def _platform() -> str:
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = platform.machine()
    return f"{system}-{'x86_64' if machine == 'AMD64' else machine}"


def _glibc() -> str | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, ValueError):
        return None
    return version if name == "glibc" else None


def _nvml() -> tuple[str | None, tuple[tuple[str, str], ...]]:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None, ()
    import pynvml  # slow to import, so only where there is a driver

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None, ()
    try:
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        gpus = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            device = pynvml.nvmlDeviceGetHandleByIndex(index)
            major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(device)
            gpus.append((str(pynvml.nvmlDeviceGetName(device)), f"{major}.{minor}"))
        return driver, tuple(gpus)
    except pynvml.NVMLError:
        return None, ()
    finally:
        pynvml.nvmlShutdown()


def _driver_of_the_kernel() -> str | None:
    for name in _DRIVER_FILES:
        try:
            text = Path(name).read_text()
        except OSError:
            continue
        if found := re.search(r"\b(\d{3}\.\d+(?:\.\d+)?)\b", text):
            return found[1]
    return None
