"""Types for fixtures."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

# Runs the command line: `mlenv("doctor", "--json", env={..})`.
Run = Callable[..., subprocess.CompletedProcess[str]]
