"""Start the processes that work inside the environment, and explain how they end.

Each runs a worker of `speech/workers` with the environment's own interpreter, in the launch
environment. CTranslate2 and torch never share a process, so the order in which their libraries
load can't matter.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mlenv import paths
from mlenv.environment import launch
from mlenv.result import MlenvError
from mlenv.speech.transcribe import scratch
from mlenv.speech.workers import protocol
from mlenv.speech.workers.protocol import Cancel, DiarizerConfig, FileRequest, TranscriberConfig

ENTRY = Path(protocol.__file__).with_name("__main__.py")
LAST_WORDS = 10.0  # seconds to end in, for a worker whose events have ended
STDERR_KEPT = 65_536  # bytes
QUOTED = 200  # characters of a last line that are repeated beside a known cause


class Arrival(NamedTuple):
    """Something that has come of a worker; no event where it has ended."""

    worker: Worker
    event: protocol.Event | None


class Line(NamedTuple):
    """A line that a caller has sent, and its number from 1.

    `content`: without the line's end; None for a line that is too long, b"" at the end of all.
    """

    number: int
    content: bytes | None


Inbox = queue.SimpleQueue[Arrival | Line]


def command(python: str, worker: str) -> list[str | Path]:
    """The command line of a worker.

    `-I`: only the environment's packages are on its path; `-X utf8`: names of files are the same
    bytes for it, whatever the locale.
    """
    return [python, "-I", "-X", "utf8", ENTRY, worker]


class Worker:
    """One running worker. Its events go to `inbox`; its standard error is kept."""

    def __init__(
        self,
        name: str,
        venv: Path,
        inbox: Inbox,
        *,
        environ: Mapping[str, str] = os.environ,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        built = launch.build(venv.resolve(), environ)
        self.name = name
        self._stderr = scratch.in_memory("stderr")
        self._answered = False
        launch.raise_without_python(venv, built.python)
        try:
            self._process = subprocess.Popen(
                command(built.python, name),
                env={**built.applied_to(environ), **(settings or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
            )
        except OSError as error:
            raise MlenvError(
                "no-environment",
                f"{built.python} could not be started: {error.strerror}.",
                f"Run `mlenv install{paths.aimed(venv)}` to build the environment anew.",
            ) from error
        self._python = built.python
        self._doctor = f"mlenv doctor{paths.aimed(venv)}"
        self._listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True)
        self._listener.start()

    def send(self, request: TranscriberConfig | DiarizerConfig | FileRequest | Cancel) -> None:
        """Send one request. That a worker has ended is noticed when its events are read."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.write(protocol.encode(request))
            self._process.stdin.flush()

    def stop(self) -> None:
        """Kill the worker and wait for its end."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        scratch.clear_of(self._process.pid)
        self._listener.join(1.0)  # it may have started a process that lives on
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def death(self) -> MlenvError:
        """The error for a worker that ended too soon: how it ended, and the known cause."""
        try:
            code = self._process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:  # alive, but what it sends is no event
            self._process.kill()
            return MlenvError(
                "worker-died",
                f"The {self.name} sent what mlenv does not understand, and was ended.",
                f"Run `{self._doctor}`: it starts the same and shows what else writes there.",
                exit_code=1,
            )
        what, hint = cause(self.stderr(), self._doctor)
        if code == 0 and not self._answered:
            return MlenvError(
                "worker-died",
                f"{self._python} ended without an answer that mlenv understands{what}.",
                hint,
            )
        if code < 0:
            how = f"was ended by {_signal_name(-code)}"
            if -code == signal.SIGKILL:
                how = "was killed (SIGKILL), most likely because memory ran out"
                if not what:
                    hint = (
                        "Use a smaller --model or fewer --threads; `dmesg | grep -i oom` shows "
                        "whether it was that."
                    )
            code = 128 - code
        else:
            how = f"ended with exit code {code}"
        return MlenvError("worker-died", f"The {self.name} {how}{what}.", hint, exit_code=code or 1)

    def stderr(self) -> str:
        """The last 64 KiB of its standard error."""
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - STDERR_KEPT))
        return self._stderr.read().decode("utf-8", "replace")

    def _listen(self, inbox: Inbox) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            try:
                inbox.put(Arrival(self, protocol.decode_event(line)))
            except ValueError:
                if not self._answered:  # a .pth file that prints, or no worker at all
                    continue
                break  # killed in the middle of a line
            self._answered = True
        inbox.put(Arrival(self, None))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def cause(stderr: str, doctor: str) -> tuple[str, str]:
    """The known cause of a worker's death: an addition to the message, and what to do.

    `doctor`: the command that examines its environment.
    """
    from mlenv.doctor.explain.last_words import known, last_line

    last = last_line(stderr).rstrip(".")
    if diagnosis := known(stderr):
        title, slug = diagnosis.entry.title, diagnosis.entry.id
        quoted = f" ({last})" if last and len(last) <= QUOTED else ""
        return (
            f": {title}{quoted}",
            f"`{doctor}` says what to do here; `mlenv explain {slug}` why it happens.",
        )
    return (f": {last}" if last else "", f"Run `{doctor}`.")
