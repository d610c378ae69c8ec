"""Signals that end a run in order: what is done is kept, and workers are stopped."""

from __future__ import annotations

import signal
from typing import NoReturn

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


def _interrupt(number: int, _frame: object) -> NoReturn:
    for each in ENDING:  # one is enough
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)
