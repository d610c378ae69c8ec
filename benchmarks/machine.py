"""Describe the machine that figures come from."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import mlenv
from mlenv.machine import memory

HERE = Path(__file__).parent


def described() -> dict[str, Any]:
    """Processor, cores, memory, load, system and versions; `load` is that of the last minute."""
    free = memory.available()
    commit = subprocess.run(
        ["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    )
    kernel = platform.release().partition("-")[0]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_free_gb": None if free is None else round(free / 1e9, 1),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {kernel} {platform.machine()}",
        "python": platform.python_version(),
        "mlenv": mlenv.__version__,
        "commit": commit.stdout.strip(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
