"""Documents of `mlenv explain`, as `--json` prints them."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from mlenv.doctor.explain.confirm import Outcome
from mlenv.doctor.knowledge import Remedy


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
    """The document of a log. `unrecognised`: the last line that looks like an error."""

    diagnoses: tuple[DiagnosisRow, ...]
    unrecognised: str
    lines: int


class CommandExplained(Struct, frozen=True, kw_only=True):
    """The document of a command that was run; `lines` of its output, if it failed."""

    command: tuple[str, ...]
    diagnoses: tuple[DiagnosisRow, ...]
    unrecognised: str
    lines: int | UnsetType = UNSET
