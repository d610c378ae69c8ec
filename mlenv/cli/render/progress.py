"""Progress on a terminal; in a log the steps that take long and what is being waited for."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from mlenv.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.status import Status


LONG = 15.0  # seconds that a step may take before a log has a line of it


def for_people(*, as_json: bool) -> Progress:
    """The terminal's progress where a person looks on, silence for everybody else."""
    if as_json:
        return Quiet()
    return Terminal() if sys.stderr.isatty() else Plain()


class Quiet(Silent):
    """For programs: nothing but what is being waited for."""

    def waiting(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class Plain(Quiet):
    """For files: a line for each step that takes long, so that a log is never silent."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def step(self, text: str) -> None:
        self.end()
        self._timer = threading.Timer(LONG, self.waiting, [f"{text} .."])
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        if self._timer:
            self._timer.cancel()

    def failed(self, reason: str) -> None:
        self.end()

    def close(self) -> None:
        self.end()


class Terminal:
    """A spinner for the present step, a line with its time for each that is over."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        self._text = self._detail = ""
        self._began = 0.0

    def step(self, text: str) -> None:
        self.end()
        self._text, self._began = text, time.monotonic()
        self._status = self._console.status(text)
        self._status.start()

    def waiting(self, text: str) -> None:
        """A step of its own, or a detail of the one that waits."""
        if self._status:
            self.detail(text)
        else:
            self.step(text)

    def detail(self, text: str) -> None:
        self._detail = text
        if self._status:
            self._status.update(f"{self._text}  [dim]{text}[/dim]")

    def end(self) -> None:
        self._over("[green]✓[/green]")

    def failed(self, reason: str) -> None:
        self._detail = reason
        self.close()

    def close(self) -> None:
        self._over("[red]✗[/red]")

    def _over(self, mark: str) -> None:
        if self._status is None:
            return
        self._status.stop()
        seconds = time.monotonic() - self._began
        detail = f"  [dim]{self._detail}[/dim]" if self._detail else ""
        self._console.print(f"{mark} {self._text}{detail}  [dim]{seconds:.1f} s[/dim]")
        self._status, self._detail = None, ""
