"""All checks, in the order in which they are reported."""

from __future__ import annotations

from importlib import import_module

from mlenv.doctor.checks.common import Check

# Each module has `CHECKS`.
MODULES = (
    "below",
    "installed_packages",
    "requirements",
    "version_conflicts",
    "installing",
    "cudnn",
    "library_shadowing",
    "libraries",
    "torch_family",
    "nvidia_driver",
    "device",
    "hub",
    "trial",
    "provisioned",
)


def _checks(module: str) -> tuple[Check, ...]:
    checks: tuple[Check, ...] = import_module(f"{__name__}.{module}").CHECKS
    return checks


CHECKS: tuple[Check, ...] = tuple(check for module in MODULES for check in _checks(module))
