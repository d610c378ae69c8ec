"""Child processes with a time limit.

Whatever may abort, hang or flood its output runs in one, so that it takes nothing down but
itself. A child starts at once; `ended` waits for it. Several run side by side.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mlenv.result import MlenvError

TIME_LIMIT = 30.0  # seconds; a healthy probe needs well under one
KILL_LIMIT = 1.0  # seconds; a process that waits for a driver in the kernel survives SIGKILL
OUTPUT_LIMIT = 1_000_000  # bytes of each stream that are kept


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a child process.

    `exit_code` is negative where a signal ended it, and None where it could not start (`error` says
    why) or could not be ended (`timed_out`).
    """

    exit_code: int | None
    stdout: str
    stderr: str
    timed_out: bool = False
    error: str = ""


class Child:
    """A running child process; `ended()` waits for its end.

    `limit`: seconds that it gets. `directory`: where it runs, the caller's if None.
    """

    def __init__(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        limit: float = TIME_LIMIT,
        directory: Path | None = None,
    ) -> None:
        # Files, not pipes: a child that writes much never waits for a reader.
        self._stdout = tempfile.TemporaryFile()  # noqa: SIM115 (closed in ended)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self.limit = limit
        self._deadline = time.monotonic() + limit
        self._process: subprocess.Popen[bytes] | None = None
        self._error = ""
        try:
            self._process = subprocess.Popen(
                list(argv),
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=self._stdout,
                stderr=self._stderr,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._error = str(getattr(error, "strerror", None) or error)

    def ended(self) -> Ended:
        """Wait for its end; at the time limit it is killed, with every process it started."""
        with self._stdout, self._stderr:
            if self._process is None:
                return Ended(None, "", "", error=self._error)
            timed_out = not self._ended_in_time(self._process)
            if timed_out:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_LIMIT if timed_out else None)
            code = self._process.returncode
            return Ended(code, _output(self._stdout), _output(self._stderr), timed_out)

    def _ended_in_time(self, process: subprocess.Popen[bytes]) -> bool:
        left = max(0.05, self._deadline - time.monotonic())
        if not hasattr(os, "pidfd_open"):  # not Linux
            try:
                process.wait(left)
            except subprocess.TimeoutExpired:
                return False
            return True
        # Popen.wait polls with pauses, which add up over many children.
        descriptor = os.pidfd_open(process.pid)
        try:
            return bool(select.select([descriptor], [], [], left)[0])
        finally:
            os.close(descriptor)


def _output(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read(OUTPUT_LIMIT).decode("utf-8", "replace")


def python_answer(python: Path, code: str) -> str:
    """Run a line of Python; returns what it prints. Raises `MlenvError` if it does not run."""
    ended = Child([str(python), "-Ic", code], os.environ).ended()
    if ended.exit_code == 0:
        return ended.stdout.strip()
    reason = (ended.error or ended.stderr).strip().splitlines() or ["it answers nothing"]
    raise MlenvError(
        "interpreter-does-not-start",
        f"{python} does not run: {reason[-1]}.",
        "Name another Python with --python, or leave that out to let mlenv choose.",
    )
