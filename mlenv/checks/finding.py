"""What a check says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mlenv.facts import Facts

Outcome = Literal["ok", "warn", "fail", "skip", "unknown", "crash"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One id of the knowledge base judged on these facts.

    `evidence`: what was seen, naming the file, directory, package or variable at fault.
    `fields` fill the braces of the remedy. Outcomes: `skip` does not apply here, `unknown`
    could not be checked, `crash` the check itself failed.
    """

    id: str
    outcome: Outcome
    evidence: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """`judge` is pure: from facts to the findings of `ids`, in the group `topic`."""

    topic: str
    ids: tuple[str, ...]
    judge: Callable[[Facts], Iterable[Finding]]


def ok(id: str, *evidence: str) -> Finding:
    return Finding(id, "ok", evidence)


def skip(id: str, *evidence: str) -> Finding:
    return Finding(id, "skip", evidence)


def unknown(id: str, *evidence: str) -> Finding:
    return Finding(id, "unknown", evidence)
