"""Progress of long commands. `cli.render.progress` shows it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Progress(Protocol):
    """Steps, one after the other; a new step ends the one before."""

    def step(self, text: str) -> None:
        """A step begins."""

    def detail(self, text: str) -> None:
        """Show details of the present step."""

    def waiting(self, text: str) -> None:
        """Somebody else must end first: a step that is said even where no other is shown."""

    def end(self) -> None:
        """The last step is over."""

    def failed(self, reason: str) -> None:
        """The last step has failed; something else may be tried now."""

    def close(self) -> None:
        """Nothing more will come; a step that is not over by now has failed."""


class Silent:
    """For programs, and wherever nobody looks on."""

    def step(self, text: str) -> None: ...

    def detail(self, text: str) -> None: ...

    def waiting(self, text: str) -> None: ...

    def end(self) -> None: ...

    def failed(self, reason: str) -> None: ...

    def close(self) -> None: ...


_CURRENT: ContextVar[Progress] = ContextVar("_CURRENT")


def begin(progress: Progress) -> None:
    """Make this the progress of the running command, for who is not handed one."""
    _CURRENT.set(progress)


def current() -> Progress:
    """The progress of the running command; silence where there is none."""
    return _CURRENT.get(Silent())


@contextmanager
def growing(progress: Progress, directory: Path, total: int | None) -> Iterator[None]:
    """Tell until the block ends how much has come into `directory`, of `total` bytes if known."""
    over = threading.Event()
    before = _bytes_below(directory)
    whole = f" of {total / 1e6:.0f}" if total else ""

    def tell() -> None:
        while not over.wait(0.5):
            came = _bytes_below(directory) - (0 if total else before)
            progress.detail(f"{came / 1e6:.0f}{whole} MB")

    thread = threading.Thread(target=tell, daemon=True)
    if not isinstance(progress, Silent):
        thread.start()
    try:
        yield
    finally:
        over.set()
        if thread.ident:
            thread.join()
        progress.detail("")


def _bytes_below(directory: Path) -> int:
    size = 0
    for path in directory.rglob("*"):
        try:
            size += path.stat().st_size if path.is_file() else 0
        except OSError:  # renamed meanwhile
            continue
    return size
