"""Child processes with a time limit.

Whatever may abort, hang or flood its output runs in one, so that it takes nothing down but
itself. A child starts at once; `ended` waits for it. Several run side by side; where the system
allows few open files or processes (`ulimit -n`, `-u`), one after the other.
"""

from __future__ import annotations

import contextlib
import os
import resource
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
FEW_FILES = 64  # open files: with a lower limit a child starts only when it is waited for


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
        self.limit = limit
        self._argv, self._environment, self._directory = list(argv), dict(environment), directory
        self._streams: tuple[IO[bytes], ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline, self._error = 0.0, ""
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= FEW_FILES:
            self._start()

    def _start(self) -> None:
        """Start it; what keeps it from that is kept in words."""
        self._deadline, self._error = time.monotonic() + self.limit, ""
        try:
            # Files, not pipes: a child that writes much never waits for a reader.
            self._streams = tuple(tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115
            stdout, stderr = self._streams
            self._process = subprocess.Popen(
                self._argv,
                env=self._environment,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._error = str(getattr(error, "strerror", None) or error)

    def ended(self) -> Ended:
        """Wait for its end; at the time limit it is killed, with every process it started."""
        if self._process is None:  # by now others may have ended, and left it room
            self._close()
            self._start()
        try:
            if self._process is None:
                return Ended(None, "", "", error=self._error)
            timed_out = not self._ended_in_time(self._process)
            if timed_out:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(KILL_LIMIT if timed_out else None)
            code = self._process.returncode
            stdout, stderr = map(_output, self._streams)
            return Ended(code, stdout, stderr, timed_out)
        finally:
            self._close()

    def _close(self) -> None:
        for stream in self._streams:
            stream.close()

    def _ended_in_time(self, process: subprocess.Popen[bytes]) -> bool:
        left = max(0.05, self._deadline - time.monotonic())
        try:  # Popen.wait polls with pauses, which add up over many children
            descriptor = os.pidfd_open(process.pid)
        except (AttributeError, OSError):  # not Linux, or no file may be opened
            try:
                process.wait(left)
            except subprocess.TimeoutExpired:
                return False
            return True
        try:
            return bool(select.select([descriptor], [], [], left)[0])
        finally:
            os.close(descriptor)


def _output(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read(OUTPUT_LIMIT).decode("utf-8", "replace")


def last_printed(stdout: str) -> str:
    """The last line of a Python's answer: its .pth files may print before it begins."""
    return stdout.rstrip().rpartition("\n")[2].strip()


def python_answer(python: Path, code: str) -> str:
    """Run a line of Python; returns what it prints. Raises `MlenvError` if it does not run."""
    ended = Child([str(python), "-Ic", code], os.environ).ended()
    if ended.exit_code == 0:
        return last_printed(ended.stdout)
    reason = (ended.error or ended.stderr).strip().splitlines() or ["it answers nothing"]
    raise MlenvError(
        "interpreter-does-not-start",
        f"{python} does not run: {reason[-1]}.",
        "Name another Python with --python, or leave that out to let mlenv choose.",
    )
