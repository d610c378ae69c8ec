"""Documents of `mlenv explain`, as `--json` prints them."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET, Struct, UnsetType

from mlenv.doctor.explain.confirm import Outcome
from mlenv.doctor.explain.outline import Outline
from mlenv.doctor.knowledge import Remedy
from mlenv.result import Problem


class EntryRow(Struct, frozen=True, kw_only=True):
    """A known error. `decides`: what tells it from others with the same words."""

    id: str
    title: str
    cause: str
    remedy: Remedy
    decides: str | None


class Entries(Struct, frozen=True, kw_only=True):
    """The document of `mlenv explain --list`, and of `mlenv explain ID`."""

    entries: tuple[EntryRow, ...]


class DiagnosisRow(Struct, frozen=True, kw_only=True):
    """An error that the log names, at `line`, `count` times.

    `follows`: the id of its cause, if the log names that too. `instead_of`: the id of a likelier
    cause of the same words. `here`: the outcome of its check on this machine.
    """

    id: str
    confidence: str
    level: str
    matched: str
    line: int
    count: int
    title: str
    cause: str
    remedy: Remedy
    follows: str | None
    instead_of: str | None
    decides: str | None
    here: Outcome | None


class Explained(Struct, frozen=True, kw_only=True):
    """The document of a log.

    `numbers`: what numbers in the log mean. `unrecognised`: the last line that looks like an
    error, where none is known; `looks_like` then says more of the log.
    """

    diagnoses: tuple[DiagnosisRow, ...]
    numbers: tuple[str, ...]
    unrecognised: str
    looks_like: Outline | None
    lines: int


class Seen(NamedTuple):
    """The diagnoses after a look at the environment; `problem`: why there was none."""

    diagnoses: tuple[DiagnosisRow, ...]
    problem: Problem | None


class CommandExplained(Struct, frozen=True, kw_only=True):
    """The document of a command that was run; `lines` of its output, if it failed."""

    command: tuple[str, ...]
    diagnoses: tuple[DiagnosisRow, ...]
    numbers: tuple[str, ...] = ()
    unrecognised: str
    looks_like: Outline | None = None
    lines: int | UnsetType = UNSET
