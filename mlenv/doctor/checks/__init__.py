"""All checks, in the order in which they are reported."""

from __future__ import annotations

from mlenv.doctor.checks import (
    cudnn,
    device,
    hub,
    installed_packages,
    installing,
    libraries,
    library_shadowing,
    nvidia_driver,
    provisioned,
    torch_family,
    version_conflicts,
)
from mlenv.doctor.checks.common import Check

CHECKS: tuple[Check, ...] = (
    *installed_packages.CHECKS,
    *version_conflicts.CHECKS,
    *installing.CHECKS,
    *provisioned.CHECKS,
    *cudnn.CHECKS,
    *library_shadowing.CHECKS,
    *libraries.CHECKS,
    *torch_family.CHECKS,
    *nvidia_driver.CHECKS,
    *device.CHECKS,
    *hub.CHECKS,
)
