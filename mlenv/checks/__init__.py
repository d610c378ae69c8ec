"""All checks, in the order in which they are reported."""

from __future__ import annotations

from mlenv.checks import (
    cudnn,
    device,
    driver,
    hub,
    installing,
    libraries,
    packages,
    pairs,
    provisioned,
    shadows,
    torch_family,
)
from mlenv.checks.finding import Check

CHECKS: tuple[Check, ...] = (
    *packages.CHECKS,
    *pairs.CHECKS,
    *installing.CHECKS,
    *provisioned.CHECKS,
    *cudnn.CHECKS,
    *shadows.CHECKS,
    *libraries.CHECKS,
    *torch_family.CHECKS,
    *driver.CHECKS,
    *device.CHECKS,
    *hub.CHECKS,
)
