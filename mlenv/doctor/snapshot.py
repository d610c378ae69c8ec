"""Snapshots: all facts of one machine as a JSON file that can be judged on another.

User names and the home directory are taken out; secrets never were in the facts.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import msgspec
from msgspec import Struct

from mlenv import __version__
from mlenv.doctor.facts import Facts
from mlenv.files import write_atomically
from mlenv.machine import people
from mlenv.result import NOT_DIAGNOSED, MlenvError

SCHEMA = 1


def written(facts: Facts, homes: Collection[str], users: Collection[str]) -> str:
    """The text of a snapshot, without the user's names and home directories."""
    document = {
        "schema": SCHEMA,
        "mlenv": __version__,
        "facts": people.hidden(msgspec.to_builtins(facts), homes, users),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


class _Facts(Struct, frozen=True):
    facts: Facts


class _Snapshot(Struct, frozen=True):
    schema: int = 0
    mlenv: str = ""
    facts: Facts | None = None
    data: _Facts | None = None


def read(text: str, place: str) -> Facts:
    """The facts of a snapshot, or of a document that `doctor --json` printed.

    Unknown fields (of another version) are ignored. Raises `MlenvError` (exit code 3).
    """
    try:
        document = msgspec.json.decode(text, type=_Snapshot)
        facts = document.facts or (document.data.facts if document.data else None)
        if document.schema == SCHEMA and facts:
            return facts
        reason = f"its schema is {document.schema}, not {SCHEMA}" if facts else "it has no facts"
    except msgspec.DecodeError as error:
        reason = str(error)
    raise MlenvError(
        "no-snapshot",
        f"{place} is no snapshot that this mlenv can read: {reason}.",
        "Make one with `mlenv doctor --snapshot FILE`.",
        exit_code=NOT_DIAGNOSED,
    )


def save(facts: Facts, file: Path, homes: Collection[str], users: Collection[str]) -> None:
    """Write a snapshot; raises `MlenvError` if the file can't be written."""
    write_atomically(file, written(facts, homes, users))
