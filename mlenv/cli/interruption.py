"""Signals that end a run in order: what is done is kept and said, and workers are stopped."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlenv.result import Problem, Result

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal that asks the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


# What is left of a command that changes something else than the environment.
_LEFT = {
    "gc": "the generations that it removed are gone, the others stay",
    "uninstall": "what was removed is gone, the rest is there",
    "models": "files that are whole are kept",
    "bundle": "the bundle is not whole",
    "lock": "locks that were not finished are as they were",
    "verify": "no receipt is kept",
    "shim": "what was not written yet is as it was",
}
_CHANGING = ("install", "add", "remove", "rollback", "doctor")


def remember(venv: Path) -> None:
    """Keep what stands at `venv`, to say later whether it was changed."""
    _Begun.venv, _Begun.state = venv, _state(venv)


def result(command: str, exit_code: int) -> Result[Any]:
    """The result of a command that a signal has ended: what is done, and what is not."""
    left, hint = _LEFT.get(command, "nothing was changed"), ""
    if command in _CHANGING and (venv := _Begun.venv):
        left = f"{venv} is as it was"
        if _state(venv) != _Begun.state:
            left = f"{venv} has been changed already, and what comes after that was not done"
            hint = "`mlenv status` shows it, `mlenv rollback` takes it back."
    problem = Problem("interrupted", f"Interrupted: {left}.", hint=hint)
    return Result(command, exit_code=exit_code, errors=(problem,))


def _state(venv: Path) -> object:
    """The kind of thing at a path: a link's target, a directory, or nothing."""
    try:
        return os.readlink(venv)  # noqa: PTH115 (of a str)
    except OSError:
        return os.path.lexists(venv) and os.lstat(venv).st_ino


class _Begun:
    """The environment of this command, as it was when the command began."""

    venv: Path | None = None
    state: object = None


def heed_signals() -> None:
    """Raise `Interrupted` at Ctrl-C, TERM and HUP, except for those that are ignored (`nohup`)."""
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the block come to its end first: what is written in it is whole or not begun."""
    _Pending.deferred = True
    try:
        yield
    finally:
        _Pending.deferred = False
    if _Pending.number:
        raise Interrupted(_Pending.number)


class _Pending:
    """A signal that waits for the end of a `deferred` block, if any."""

    deferred = False
    number = 0


def _interrupt(number: int, _frame: object) -> None:
    for each in ENDING:  # one is enough
        signal.signal(each, signal.SIG_IGN)
    _Pending.number = number
    if not _Pending.deferred:
        raise Interrupted(number)
