"""Run a command, pass on what it prints as it comes, and scan it on the way."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mlenv.doctor.explain.scan import Scan, Scanner
from mlenv.result import MlenvError

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as shells report them
PIECE = 1 << 16
LINE = 1 << 16  # longest part of a line that waits for its end, so that streams don't mix in it
AFTER_END = 0.5  # seconds that a pipe which somebody else keeps open may still give output


def run(command: Sequence[str], *, stdout: int = 1, stderr: int = 2) -> tuple[int, Scan]:
    """Run `command` in the caller's environment and scan its output.

    Its output goes on to the two file descriptors unchanged.

    Returns its exit code (128 + signal where one ended it) and what was found in its output.
    Raises `MlenvError` if it can't be started.
    """
    child = _started(command)
    with _signals_for(child):
        try:
            scanned = _passed_on(child, stdout, stderr)
        except BrokenPipeError:  # whoever reads our output has seen enough, as with `| head`
            child.send_signal(signal.SIGPIPE)
            scanned = Scan()
        code = child.wait()
    return (128 - code if code < 0 else code), scanned


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            list(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    except (FileNotFoundError, NotADirectoryError):
        raise MlenvError(
            "command-not-found", f"There is no command `{command[0]}`.", exit_code=NOT_FOUND
        ) from None
    except OSError as error:
        raise MlenvError(
            "command-not-executable",
            f"{command[0]} could not be started: {error.strerror}.",
            exit_code=NOT_EXECUTABLE,
        ) from error


@contextmanager
def _signals_for(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass on signals that are sent to the parent alone.

    Ctrl-C reaches both: the child decides, the parent waits for it.
    """

    def pass_on(number: int, _frame: object) -> None:
        if number != signal.SIGINT:
            child.send_signal(number)

    before = {
        number: signal.signal(number, pass_on)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _passed_on(child: subprocess.Popen[bytes], stdout: int, stderr: int) -> Scan:
    scanner = Scanner()
    ended_at = None
    with selectors.DefaultSelector() as selector:
        for source, target in ((child.stdout, stdout), (child.stderr, stderr)):
            assert source is not None
            selector.register(source, selectors.EVENT_READ, (target, bytearray()))
        while selector.get_map():
            ready = selector.select(timeout=0.2)
            if child.poll() is not None:
                ended_at = ended_at or time.monotonic()
                if not ready and time.monotonic() - ended_at > AFTER_END:
                    break
            for key, _ in ready:
                target, waiting = key.data
                data = os.read(key.fd, PIECE)
                if data:
                    _write(target, data)
                else:
                    selector.unregister(key.fileobj)
                _feed(scanner, waiting, data)
    return scanner.finish()


def _feed(scanner: Scanner, waiting: bytearray, data: bytes) -> None:
    """Hand whole lines to the scanner, so that a line of one stream stays in one piece."""
    waiting += data
    end = waiting.rfind(b"\n") + 1 if data and len(waiting) < LINE else len(waiting)
    if end:
        scanner.feed(bytes(waiting[:end]))
        del waiting[:end]


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
