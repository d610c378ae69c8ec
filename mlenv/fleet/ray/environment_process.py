"""A process of the environment's own Python that speaks JSON lines with mlenv."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlenv.environment import launch
from mlenv.result import MlenvError
from mlenv.speech.transcribe import scratch
from mlenv.speech.transcribe.worker_process import STDERR_KEPT, cause

ENTRY = Path(__file__).with_name("__main__.py")
GRACE = 1.5  # seconds to end by itself: a cluster notices the end of its pool anyway


class EnvironmentProcess:
    """A module of this package, run in the launch environment; raises `MlenvError` if it can't be.

    It has a session of its own: what is typed at mlenv's terminal is mlenv's, and it ends when its
    standard input does, however mlenv ends.
    """

    def __init__(self, venv: Path, module: str, environ: Mapping[str, str] = os.environ) -> None:
        self._module = module
        built = launch.build(venv.resolve(), environ)
        self._stderr = scratch.in_memory("stderr")
        try:
            self._process = subprocess.Popen(
                [built.python, "-I", "-X", "utf8", ENTRY, module],
                env=built.applied_to(environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
            )
        except OSError as error:
            raise MlenvError(
                "no-environment",
                f"{built.python} could not be started: {error.strerror}.",
                "Run `mlenv install` to build the environment anew.",
            ) from error

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request. That it has ended is noticed when its events are read."""
        assert self._process.stdin
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The next event; raises `MlenvError` where the process has ended."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                return event
        raise self._end()

    def close(self) -> None:
        """Let it end; one that is connected to a cluster leaves that, which ends its actors."""
        with contextlib.suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()
        try:
            self._process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._stderr.close()

    def _end(self) -> MlenvError:
        code = self._process.wait()
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - STDERR_KEPT))
        what, _ = cause(self._stderr.read().decode("utf-8", "replace"), "mlenv doctor")
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if self._module == "pool_server":
            return MlenvError(
                "cluster-lost",
                f"The process that talks to the Ray cluster {how}{what}.",
                "--resume goes on with the rest; `ray status` says whether the cluster is there.",
            )
        return MlenvError(
            "store-lost",
            f"The process that reads and writes at addresses {how}{what}.",
            "--resume goes on with the rest.",
        )
