"""What can go wrong: one table that `doctor`, `explain` and `exec` all read.

Each `*.toml` file of this folder holds the entries of one topic, keyed by finding id
(a slug). An entry names the cause and the remedy, and they stand nowhere else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do: `prose` for people; `commands` (argv each) may be run; destructive steps
    stay prose. Texts may name the fields `{venv}`, `{profile}` and others in braces that the
    reader of the table fills in."""

    prose: str
    commands: tuple[tuple[str, ...], ...] = ()
    fixable: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can go wrong."""

    id: str
    title: str
    cause: str
    remedy: Remedy


@cache
def entries() -> Mapping[str, Entry]:
    """All entries, by id."""
    found: dict[str, Entry] = {}
    for source in sorted(files(__name__).iterdir(), key=lambda item: item.name):
        if source.name.endswith(".toml"):
            for slug, table in tomllib.loads(source.read_text("utf-8")).items():
                remedy = table["remedy"]
                found[slug] = Entry(
                    slug,
                    table["title"],
                    _joined(table["cause"]),
                    Remedy(
                        _joined(remedy["prose"]),
                        tuple(tuple(argv) for argv in remedy.get("commands", ())),
                        remedy.get("fixable", False),
                    ),
                )
    return MappingProxyType(found)


def _joined(text: str) -> str:
    """One line of a text that the table wraps."""
    return " ".join(text.split())
