"""What can go wrong: one table that `doctor`, `explain` and `exec` all read.

Each `*.toml` file of this folder holds the entries of one topic, keyed by finding id
(a slug). An entry names the cause and the remedy, and they stand nowhere else.

    [slug]
    title, cause         texts; line breaks in them do not count
    follows              ids: where one of them is found in the same log, this is its consequence
    decides              where other causes have the same words: what tells them apart
    [slug.remedy]
    prose, commands, fixable
    [[slug.variant]]     another remedy, for logs of which all of `when` is known (conditions below)
    when, prose, commands
    [[slug.signature]]   words by which programs report it
    match                wordings, each a pattern (below)
    example              lines written for this table; each wording must match one of them
    confidence           "high" (default: only this cause), "medium", "low", "never"
    level                "error" (default); "sign": says it, but may not be why the program failed;
                         "harmless"
    when                 conditions that must hold
    cases                [condition, confidence] pairs: the first that holds replaces `confidence`

A pattern is plain text; case does not count. A space is any white space, also a line break; `*` is
any part of one word; `...` is up to 300 characters; `<a|b>` is one of the two; `{name}` is a
phrase of `phrases.toml` in any of its languages. It matches anywhere, but not inside a word.

A condition is a fact of the log (`mlenv.doctor.explain.context`): `windows`, `not container`,
`driver < 525`. A fact that is not known makes it false, `not` makes that true.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

_PHRASES = "phrases.toml"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do: `prose` for people; `commands` (argv each) may be run; destructive steps
    stay prose. The prose of a variant may name facts of the log in braces."""

    prose: str
    commands: tuple[tuple[str, ...], ...] = ()
    fixable: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """A remedy for logs of which every condition of `when` holds."""

    when: tuple[str, ...]
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class Signature:
    """Words by which programs report an entry; see the module for the fields."""

    match: tuple[str, ...]
    example: tuple[str, ...]
    confidence: str = "high"
    level: str = "error"
    when: tuple[str, ...] = ()
    cases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can go wrong."""

    id: str
    title: str
    cause: str
    remedy: Remedy
    follows: tuple[str, ...] = ()
    decides: str = ""
    variants: tuple[Variant, ...] = ()
    signatures: tuple[Signature, ...] = ()


@cache
def entries() -> Mapping[str, Entry]:
    """All entries, by id."""
    found = {
        slug: _entry(slug, table)
        for name, text in _sources()
        if name != _PHRASES
        for slug, table in tomllib.loads(text).items()
    }
    return MappingProxyType(found)


@cache
def phrases() -> Mapping[str, tuple[str, ...]]:
    """What operating systems and loaders say in several languages, by name."""
    table = tomllib.loads(dict(_sources())[_PHRASES])
    return MappingProxyType({name: tuple(wordings) for name, wordings in table.items()})


@cache
def _sources() -> tuple[tuple[str, str], ...]:
    folder = sorted(files(__name__).iterdir(), key=lambda item: item.name)
    return tuple((f.name, f.read_text("utf-8")) for f in folder if f.name.endswith(".toml"))


def _entry(slug: str, table: Mapping[str, Any]) -> Entry:
    return Entry(
        slug,
        table["title"],
        _joined(table["cause"]),
        _remedy(table["remedy"]),
        tuple(table.get("follows", ())),
        _joined(table.get("decides", "")),
        tuple(Variant(tuple(v["when"]), _remedy(v)) for v in table.get("variant", ())),
        tuple(_signature(s) for s in table.get("signature", ())),
    )


def _remedy(table: Mapping[str, Any]) -> Remedy:
    return Remedy(
        _joined(table["prose"]),
        tuple(tuple(argv) for argv in table.get("commands", ())),
        table.get("fixable", False),
    )


def _signature(table: Mapping[str, Any]) -> Signature:
    return Signature(
        tuple(table["match"]),
        tuple(table["example"]),
        table.get("confidence", "high"),
        table.get("level", "error"),
        tuple(table.get("when", ())),
        tuple((condition, confidence) for condition, confidence in table.get("cases", ())),
    )


def _joined(text: str) -> str:
    """One line of a text that the table wraps."""
    return " ".join(text.split())
