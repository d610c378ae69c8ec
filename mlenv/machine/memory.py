"""Free memory: of this machine and its control group, and of one GPU."""

from __future__ import annotations

import contextlib
import re
import resource
from collections.abc import Mapping
from pathlib import Path

from mlenv.machine import driver

_NO_LIMIT = 1 << 60  # bytes; version 1 of the control groups has no word for it


def available(root: Path = Path("/")) -> int | None:
    """Bytes that can still be allocated: by the machine, the control group and `ulimit -v`.

    None where the system does not tell. `root`: the directory with `proc` and `sys`.
    """
    group = root / "sys/fs/cgroup"
    sizes = (
        _available(root / "proc/meminfo"),
        _left_in_group(group, "memory.max", "memory.current", "inactive_file"),
        _left_in_group(
            group / "memory",  # version 1
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
        _address_space(),
    )
    return min((size for size in sizes if size is not None), default=None)


def _address_space() -> int | None:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def group_limit(root: Path = Path("/")) -> int | None:
    """Bytes that this process's control group and those above it allow; None without a limit."""
    limits = []
    try:
        lines = (root / "proc/self/cgroup").read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, own = f"{line}::".split(":", 2)
        base, name = root / "sys/fs/cgroup", "memory.max"
        if "memory" in controllers.split(","):  # version 1
            base, name = base / "memory", "memory.limit_in_bytes"
        elif controllers:
            continue
        place = base / own.lstrip("/")
        for folder in (place, *place.parents):
            if folder.is_relative_to(base):
                with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
                    limits.append(int((folder / name).read_text()))
    return min((limit for limit in limits if limit < _NO_LIMIT), default=None)


def on_gpu(index: int, environ: Mapping[str, str]) -> int | None:
    """Free bytes of the GPU that CUDA numbers `index`; None where there is none to ask.

    CUDA numbers only what CUDA_VISIBLE_DEVICES names (by number or UUID), in that order.
    """
    gpus = driver.ask(environ).gpus
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",") if name.strip()]
        by_name = {str(gpu.index): gpu for gpu in gpus} | {gpu.uuid: gpu for gpu in gpus}
        gpus = tuple(by_name[name] for name in names if name in by_name)
    return gpus[index].memory_free if index < len(gpus) else None


def _available(meminfo: Path) -> int | None:
    try:
        text = meminfo.read_text(errors="replace")
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s+([0-9]{1,18})\b", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def _left_in_group(group: Path, limit: str, used: str, cache: str) -> int | None:
    """Bytes up to the limit of a group, by the files' names; its `cache` counts as free."""
    try:
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        most, now = (int((group / name).read_text()) for name in (limit, used))
        return most - now + int(stat[cache])
    except (OSError, ValueError, KeyError):  # no such file, or "max"
        return None
