"""Differences between two sets of installed distributions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct


class Change(Struct, frozen=True):
    """One distribution in another version."""

    name: str
    before: str
    after: str


class Changes(Struct, frozen=True):
    """`added` and `removed` as `name==version`."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Change, ...] = ()


NOTHING = Changes()


def between(before: Iterable[str], after: Iterable[str]) -> Changes:
    """Compare distributions, each `name==version` or the `name-version` of its `.dist-info`."""
    old, new = dict(map(_split, before)), dict(map(_split, after))
    return Changes(
        tuple(f"{name}=={new[name]}" for name in sorted(new.keys() - old.keys())),
        tuple(f"{name}=={old[name]}" for name in sorted(old.keys() - new.keys())),
        tuple(
            Change(name, old[name], new[name])
            for name in sorted(old.keys() & new.keys())
            if old[name] != new[name]
        ),
    )


def _split(text: str) -> tuple[str, str]:
    name, sign, version = text.partition("==")
    if not sign:
        name, _, version = text.partition("-")
    return re.sub(r"[-_.]+", "-", name).lower(), version
