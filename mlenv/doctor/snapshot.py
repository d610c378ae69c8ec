"""Snapshots: all facts of one machine as a JSON file that can be judged on another.

User names and the home directory are taken out; secrets never were in the facts.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from mlenv import __version__
from mlenv.doctor.facts import Facts
from mlenv.files import write_atomically
from mlenv.machine import people
from mlenv.result import NOT_DIAGNOSED, MlenvError

SCHEMA = 1


class _Facts(Struct, frozen=True):
    facts: Facts


class Snapshot(Struct, frozen=True):
    """A snapshot, or as much of a document of `doctor --json` as is one.

    `when`: the time at which it was taken (ISO 8601, UTC); empty in what earlier versions wrote.
    """

    schema: int = 0
    mlenv: str = ""
    when: str = ""
    facts: Facts | None = None
    data: _Facts | None = None

    @property
    def observed(self) -> Facts | None:
        """The facts, wherever they stand in the document."""
        return self.facts or (self.data.facts if self.data else None)


def written(
    facts: Facts, homes: Collection[str], users: Collection[str], when: datetime | None = None
) -> str:
    """The text of a snapshot, without the user's names and home directories.

    `when`: the time at which it was taken (now).
    """
    document = {
        "schema": SCHEMA,
        "mlenv": __version__,
        "when": (when or datetime.now(UTC)).isoformat(timespec="seconds"),
        "facts": people.hidden(msgspec.to_builtins(facts), homes, users),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read(text: str, place: str) -> Facts:
    """The facts of a snapshot, or of a document that `doctor --json` printed.

    Unknown fields (of another version) are ignored. Raises `MlenvError` (exit code 3).
    """
    return decoded(text, place)[1]


def decoded(content: str | bytes, place: str) -> tuple[Snapshot, Facts]:
    """The document of a snapshot, and its facts; raises as `read` does."""
    try:
        document = msgspec.json.decode(content, type=Snapshot)
        facts = document.observed
        if document.schema == SCHEMA and facts:
            return document, facts
        reason = _of_schema(document.schema) if facts else "it has no facts"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        schema = _schema(content)
        reason = _of_schema(schema) if schema > SCHEMA else str(error)
    except RecursionError:
        reason = "it is nested too deeply"
    raise MlenvError(
        "no-snapshot",
        f"{place} is no snapshot that this mlenv can read: {reason}.",
        "Make one with `mlenv doctor --snapshot FILE`.",
        exit_code=NOT_DIAGNOSED,
    )


class _Numbered(Struct, frozen=True):
    schema: int = 0


def _schema(content: str | bytes) -> int:
    """The number of a document whose facts can't be read; 0 where it has none."""
    try:
        return msgspec.json.decode(content, type=_Numbered).schema
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0


def _of_schema(schema: int) -> str:
    return f"its schema is {schema}, not {SCHEMA}"


def save(facts: Facts, file: Path, homes: Collection[str], users: Collection[str]) -> None:
    """Write a snapshot; raises `MlenvError` if the file can't be written."""
    write_atomically(file, written(facts, homes, users))
