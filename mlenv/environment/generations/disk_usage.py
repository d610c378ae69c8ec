"""Disk usage of directories that share files by hard links."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes on disk. `own`: only this directory holds them, so removing it frees them.

    The rest is shared by hard links with uv's cache and other generations. Reflinks look like
    copies; with them `own` is too high.
    """

    total: int = 0
    own: int = 0


def size(path: Path) -> Size:
    """Measure what a directory takes on disk."""
    total = own = 0
    for folder, _, names in os.walk(path):
        for name in ("", *names):
            try:
                status = os.lstat(os.path.join(folder, name))  # noqa: PTH118 (forty thousand files)
            except OSError:
                continue
            total += status.st_blocks * 512
            if status.st_nlink == 1 or not name:
                own += status.st_blocks * 512
    return Size(total, own)
