"""The machine as far as choosing a profile needs it: platform, C library, NVIDIA driver."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from mlenv.machine import driver
from mlenv.machine.system import glibc_version


@dataclass(frozen=True, slots=True)
class Host:
    """`platform` as profiles name it (`linux-x86_64`); None where a fact does not apply.

    `gpus`: (name, compute capability) of each device that the driver lists. `driver_trouble`:
    why the driver told nothing, if it should have. `device`: there is an NVIDIA device, with or
    without a driver.
    """

    platform: str
    glibc: str | None
    driver: str | None
    gpus: tuple[tuple[str, str], ...] = ()
    driver_trouble: str = ""
    device: bool = False

    @property
    def has_nvidia(self) -> bool:
        """Tell if a build for CUDA could be of use here."""
        return bool(self.driver or self.gpus or self.driver_trouble or self.device)


def platform_name() -> str:
    """The platform as profiles name it, such as `linux-x86_64` or `macos-arm64`."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform)
    machine = platform.machine()
    return f"{system}-{'x86_64' if machine == 'AMD64' else machine}"


def collect() -> Host:
    """Observe this machine; waits for the driver no longer than `driver.time_limit`."""
    answer = driver.ask(os.environ)
    gpus = tuple(
        (gpu.name, ".".join(map(str, gpu.capability))) for gpu in answer.gpus if gpu.capability
    )
    return Host(
        platform_name(),
        glibc_version() or None,
        answer.driver or driver.kernel_version(Path("/")) or None,
        gpus,
        driver.unanswered(),
        bool(driver.pci_addresses(Path("/"))),
    )
