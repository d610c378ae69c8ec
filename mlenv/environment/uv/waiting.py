"""Name who is waited for while uv waits for a lock of its cache, which uv says in its log only."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

from mlenv import progress
from mlenv.files.locks import LATE

_LINE = re.compile(r"^INFO Waiting to acquire .+ lock for `.*` at `(?P<path>.+)`$")


class Waits:
    """Follows uv's log; says once, after some seconds, for whom uv waits."""

    def __init__(self) -> None:
        self._progress = progress.current()
        self._timer: threading.Timer | None = None
        self._told = False

    def line(self, text: str) -> None:
        if self._timer is None and (match := _LINE.match(text)):
            self._timer = threading.Timer(LATE, self._tell, [Path(match["path"])])
            self._timer.daemon = True
            self._timer.start()

    def _tell(self, path: Path) -> None:
        self._timer = None
        others = [number for number in holders(path) if number != os.getpid()]
        if not others:  # it has it by now
            return
        who = " and ".join(f"{_program(number)} (process {number})" for number in others)
        self._told = True
        self._progress.waiting(f"uv waits for {who}, which uses its cache: {path}")

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._told:
            self._progress.detail("")


def holders(path: Path) -> list[int]:
    """The processes that hold a lock on this file, as the kernel lists them (proc_locks(5))."""
    try:
        number = path.stat().st_ino
        lines = Path("/proc/locks").read_text("utf-8").splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines if "->" not in line]
    return sorted({int(row[4]) for row in rows if row[5].rpartition(":")[2] == str(number)})


def _program(number: int) -> str:
    try:
        return Path(f"/proc/{number}/comm").read_text("utf-8").strip() or "a process"
    except OSError:
        return "a process"
