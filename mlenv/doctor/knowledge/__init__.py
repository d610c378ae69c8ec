"""The known errors: one table that `doctor`, `explain` and `exec` all read.

Each `*.toml` file of this folder holds the entries of one topic, keyed by finding id
(a slug). The cause and the remedy stand nowhere else. A typo is an error that names the file.

    [slug]
    title, cause         texts; line breaks in them do not count
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

`follows.toml` says which errors are consequences of which.

A condition is a fact of the log (`mlenv.doctor.explain.context`): `windows`, `not container`,
`driver < 525`. A fact that is not known makes it false, `not` makes that true.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
from msgspec import Struct

from mlenv.files import decode

_PHRASES, _FOLLOWS = "phrases.toml", "follows.toml"

Confidence = Literal["high", "medium", "low", "never"]
Level = Literal["error", "sign", "harmless"]


class Remedy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A remedy: `prose` for people, `commands` (argv each) that may be run as they are.

    Destructive steps stay prose. The prose of a variant may name facts of the log in braces.
    """

    prose: str
    commands: tuple[tuple[str, ...], ...] = ()
    fixable: bool = False

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "prose", _one_line(self.prose))


class Variant(Remedy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A remedy for logs of which every condition of `when` holds."""

    when: tuple[str, ...]


class Signature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words by which programs report an entry; see the module for the fields."""

    match: tuple[str, ...]
    example: tuple[str, ...]
    confidence: Confidence = "high"
    level: Level = "error"
    when: tuple[str, ...] = ()
    cases: tuple[tuple[str, Confidence], ...] = ()


class Entry(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"variants": "variant", "signatures": "signature"},
):
    """One known error; `id` is its key in the file."""

    id: str = ""
    title: str
    cause: str
    remedy: Remedy
    decides: str = ""
    variants: tuple[Variant, ...] = ()
    signatures: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "cause", _one_line(self.cause))
        msgspec.structs.force_setattr(self, "decides", _one_line(self.decides))


class Root(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An error and its consequences; see `follows.toml` for the fields."""

    id: str
    consequences: tuple[str, ...]
    failures_only: bool = False
    variable: str = ""


class _Relations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    root: tuple[Root, ...]


@cache
def entries() -> Mapping[str, Entry]:
    """All entries, by id; raises `MlenvError` that names file and path of a mistake."""
    return MappingProxyType(
        {
            slug: msgspec.structs.replace(entry, id=slug)
            for name, text in _sources()
            if name not in (_PHRASES, _FOLLOWS)
            for slug, entry in read_entries(text, name).items()
        }
    )


def read_entries(text: str, place: str) -> dict[str, Entry]:
    """The entries of one file; raises `MlenvError`."""
    return decode(text, dict[str, Entry], place, toml=True)


@cache
def phrases() -> Mapping[str, tuple[str, ...]]:
    """Phrases of operating systems and loaders in several languages, by name."""
    return decode(dict(_sources())[_PHRASES], dict[str, tuple[str, ...]], _PHRASES, toml=True)


@cache
def roots() -> tuple[Root, ...]:
    """All relations; a root stands before every root that is its consequence."""
    return decode(dict(_sources())[_FOLLOWS], _Relations, _FOLLOWS, toml=True).root


@cache
def roots_of(entry_id: str) -> tuple[str, ...]:
    """The ids of which `entry_id` may be a consequence, the deepest first."""
    return tuple(root.id for root in roots() if entry_id in root.consequences)


@cache
def _sources() -> tuple[tuple[str, str], ...]:
    folder = sorted(Path(__file__).parent.glob("*.toml"))
    return tuple((file.name, file.read_text("utf-8")) for file in folder)


def _one_line(text: str) -> str:
    return " ".join(text.split())
