"""What a long command says while it works. How it looks is the matter of `render.progress`."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Steps, one after the other; a new step ends the one before."""

    def step(self, text: str) -> None:
        """A step begins."""

    def detail(self, text: str) -> None:
        """How the present step is getting on."""

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

    def end(self) -> None: ...

    def failed(self, reason: str) -> None: ...

    def close(self) -> None: ...
