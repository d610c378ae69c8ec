"""Processes that do the work inside the environment, and what becomes of them.

Each runs a script of `speech/workers` with the environment's own interpreter, in the launch
environment. CTranslate2 and torch never share a process, so the order in which their libraries
load can't matter.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlenv.environment import launch
from mlenv.result import MlenvError

SPEECH = Path(__file__).parents[1] / "workers"

Event = dict[str, Any]
# (worker, event); None where the worker has said its last word
Inbox = queue.SimpleQueue["tuple[Worker, Event | None]"]


class Worker:
    """One script at work. Its events go to `inbox`; what it says on stderr is kept."""

    def __init__(
        self,
        script: str,
        venv: Path,
        inbox: Inbox,
        *,
        environ: Mapping[str, str] = os.environ,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        built = launch.build(venv.resolve(), environ)
        self.name = script.removesuffix(".py")
        self._said = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by stop)
        try:
            self._process = subprocess.Popen(
                [built.python, SPEECH / script],
                env={**built.applied_to(environ), **(settings or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
            )
        except OSError as error:
            raise MlenvError(
                "no-environment",
                f"{built.python} could not be started: {error.strerror}.",
                "Run `mlenv install` to build the environment anew.",
            ) from error
        threading.Thread(target=self._listen, args=(inbox,), daemon=True).start()

    def send(self, request: Mapping[str, object]) -> None:
        """Hand over one request. A worker that is gone is noticed when it is listened to."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def stop(self) -> None:
        """End it now, and wait for that."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._said.close()

    def death(self) -> MlenvError:
        """What a worker that ended too soon died of."""
        code = self._process.wait()
        said = self.said()
        if code < 0:
            try:
                how = f"was ended by {signal.Signals(-code).name}"
            except ValueError:
                how = f"was ended by signal {-code}"
            if -code == signal.SIGKILL:
                how += ", which is how Linux ends a process when memory runs out"
            code = 128 - code
        else:
            how = f"ended with exit code {code}"
        what, hint = cause(said)
        return MlenvError("worker-died", f"The {self.name} {how}{what}.", hint, exit_code=code or 1)

    def said(self) -> str:
        """Its last words on standard error (64 KiB)."""
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - 65_536))
        return self._said.read().decode("utf-8", "replace")

    def _listen(self, inbox: Inbox) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            try:
                inbox.put((self, json.loads(line)))
            except ValueError:  # killed in the middle of a line
                break
        inbox.put((self, None))


def cause(said: str) -> tuple[str, str]:
    """What a dead worker's last words mean: (what to add to the message, what to do)."""
    from mlenv.doctor.explain.rank import diagnose
    from mlenv.doctor.explain.scan import scan

    for diagnosis in diagnose(scan(io.BytesIO(said.encode()))):
        if diagnosis.level == "error" and diagnosis.confidence != "low":
            title, slug = diagnosis.entry.title, diagnosis.entry.id
            return f": {title}", f"`mlenv explain {slug}` says why and what to do."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (f": {lines[-1].rstrip('.')}" if lines else "", "Run `mlenv doctor`.")
