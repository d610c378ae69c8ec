"""All checks, in the order in which they are reported."""

from __future__ import annotations

from mlenv.checks import loader
from mlenv.checks.finding import Check

CHECKS: tuple[Check, ...] = loader.CHECKS
