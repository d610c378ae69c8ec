"""What is different between two sets of installed distributions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Change:
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Changes:
    """`added` and `removed` as `name==version`."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[Change, ...] = ()

    def as_data(self) -> dict[str, object]:
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": [asdict(change) for change in self.changed],
        }


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
