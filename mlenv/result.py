"""What a command returns, and how it fails.

A command never prints: it returns a `Result`, or raises an `MlenvError` for anything a user
can cause. The command line turns both into one document (`render`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlenv import __version__

SCHEMA = 1

DONE = 0
FAILED = 1
WRONG_USAGE = 2
NOT_DIAGNOSED = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of the envelope: a stable `code` for programs, a `message` for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one command.

    `data` holds only what JSON can carry. `view` says how to show it as text (`-v`, `--shell`)
    and is no part of the document.
    """

    command: str
    data: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = DONE
    errors: tuple[Problem, ...] = ()
    view: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.exit_code == DONE

    def document(self) -> dict[str, Any]:
        """The JSON envelope that every `--json` prints."""
        return {
            "schema": SCHEMA,
            "mlenv": __version__,
            "command": self.command,
            "ok": self.ok,
            "exit_code": self.exit_code,
            "data": dict(self.data),
            "errors": [{"code": e.code, "message": e.message} for e in self.errors],
        }


class MlenvError(Exception):
    """Something that the user can understand and act on.

    `message` says what happened and where, `hint` (optional, one line) what to do.
    """

    def __init__(self, code: str, message: str, hint: str = "", *, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def problem(self) -> Problem:
        return Problem(self.code, f"{self.message}\n{self.hint}" if self.hint else self.message)

    def result(self, command: str) -> Result:
        return Result(command, exit_code=self.exit_code, errors=(self.problem(),))
