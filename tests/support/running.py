"""Run the command line: each time in a process of its own, forked from one that has loaded mlenv.

Loading takes longer than most commands do. The process that forks has no threads and reads
nothing of the environment, so that its children are what `python -m mlenv` would be.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.places import ROOT

# Runs the command line: `mlenv("doctor", "--json", env={..})`.
Run = Callable[..., subprocess.CompletedProcess[str]]

LONGEST = 1 << 17  # bytes of a request


class Loaded:
    """The process that has loaded mlenv; `preload` stands before the system's C library."""

    def __init__(self, preload: Path | None = None) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        variables = dict(os.environ)
        if preload:  # which counts the steps of mlenv, and not those of whoever measures coverage
            variables = {n: v for n, v in variables.items() if not n.startswith("COVERAGE_")}
            variables["LD_PRELOAD"] = str(preload)
        with theirs:
            argv = [sys.executable, "-m", "tests.support.running", str(theirs.fileno())]
            self._process = subprocess.Popen(
                argv, cwd=ROOT, env=variables, pass_fds=[theirs.fileno()]
            )

    def run(
        self, arguments: Sequence[str], variables: Mapping[str, str], limit: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `mlenv ARGUMENTS` in the current directory, with nothing on standard input.

        It is killed after `limit` seconds.
        """
        with (
            Path(os.devnull).open() as nothing,
            tempfile.TemporaryFile("w+", encoding="utf-8") as stdout,
            tempfile.TemporaryFile("w+", encoding="utf-8") as stderr,
        ):
            request = json.dumps([arguments, dict(variables), str(Path.cwd()), limit]).encode()
            streams = [stream.fileno() for stream in (nothing, stdout, stderr)]
            socket.send_fds(self._channel, [request], streams)
            code = int(self._channel.recv(LONGEST))
            stdout.seek(0)
            stderr.seek(0)
            return subprocess.CompletedProcess(
                ["mlenv", *arguments], code, stdout.read(), stderr.read()
            )

    def close(self) -> None:
        self._channel.close()
        self._process.wait()


def _serve(channel: socket.socket) -> None:
    """Fork for every request; returns in the children, and where there are no more requests."""
    while True:
        request, streams, _, _ = socket.recv_fds(channel, LONGEST, 3)
        if not request or (child := os.fork()) == 0:
            break
        for stream in streams:
            os.close(stream)
        status = _ended(child, json.loads(request)[3])
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())
    channel.close()
    if not request:
        sys.exit()
    arguments, variables, directory, _ = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv[1:] = arguments


def _ended(child: int, limit: float | None) -> int:
    """Wait for a process, which is killed after `limit` seconds; its status."""
    end = time.monotonic() + (limit or 0)
    while limit and time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.001)
    if limit:
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


if __name__ == "__main__":
    from mlenv import __main__ as program
    from mlenv.cli import commands, render

    for package in (commands, render):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    program.main()
