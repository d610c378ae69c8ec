"""Number of CPUs that this process is granted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path


def cores(root: Path = Path("/"), environ: Mapping[str, str] = os.environ) -> int:
    """CPUs by affinity (cpuset), quota of the control groups, and $OMP_NUM_THREADS; at least 1.

    `root`: the directory with `proc` and `sys`.
    """
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux
        count = len(os.sched_getaffinity(0))
    limits = [quota for group in _groups(root) if (quota := _quota(group))]
    if (limit := environ.get("OMP_NUM_THREADS", "")).isdecimal() and int(limit):
        limits.append(int(limit))
    return max(1, round(min([count, *limits])))


def _groups(root: Path) -> Iterator[Path]:
    """Directories of the control groups that this process is in, of both versions, to the top."""
    top = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        group = (top / controllers if controllers else top) / path.lstrip("/")
        while top in group.parents:
            yield group
            group = group.parent
    yield top


def _quota(group: Path) -> float | None:
    """CPUs by the quota of one group; None without one."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            words = " ".join((group / name).read_text() for name in names).split()
            quota, period = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):  # no such file, or "max"
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None
