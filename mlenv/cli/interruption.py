"""Signals that end a run in order: what is done is kept, and workers are stopped."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal that asks the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


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
