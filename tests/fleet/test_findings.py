"""Findings over hosts: each once, with who has it."""

from __future__ import annotations

from mlenv.doctor.checks.common import Outcome
from mlenv.doctor.examine import FindingDocument, RemedyDocument
from mlenv.fleet import findings
from mlenv.fleet.documents import Evidence, FleetFinding, Remedy


def finding(
    name: str, outcome: Outcome = "fail", seen: str = "seen", prose: str = "do"
) -> FindingDocument:
    remedy = RemedyDocument(prose=prose, commands=(("mend", prose),), fixable=False)
    return FindingDocument(
        id=name, outcome=outcome, title="title", evidence=(seen,), cause="cause", remedy=remedy
    )


def test_the_same_remedy_stands_once() -> None:
    (grouped,) = findings.grouped(
        {
            "a": [finding("lost", seen="in /a")],
            "b": [finding("lost", prose="do else")],
            "c": [finding("lost")],
        }
    )
    assert grouped == FleetFinding(
        id="lost",
        outcome="fail",
        hosts=("a", "b", "c"),
        remedies=(
            Remedy(
                title="title",
                cause="cause",
                prose="do",
                commands=(("mend", "do"),),
                hosts=("a", "c"),
            ),
            Remedy(
                title="title",
                cause="cause",
                prose="do else",
                commands=(("mend", "do else"),),
                hosts=("b",),
            ),
        ),
        evidence=(
            Evidence(lines=("seen",), hosts=("b", "c")),
            Evidence(lines=("in /a",), hosts=("a",)),
        ),
    )


def test_failures_come_first_and_then_what_most_hosts_have() -> None:
    grouped = findings.grouped(
        {
            "a": [finding("one", "warn"), finding("two", "unknown"), finding("three")],
            "b": [finding("four"), finding("one", "crash")],
            "c": [finding("four"), finding("one", "warn")],
        }
    )
    assert [(each.outcome, each.id, each.hosts) for each in grouped] == [
        ("fail", "four", ("b", "c")),
        ("fail", "three", ("a",)),
        ("crash", "one", ("b",)),
        ("warn", "one", ("a", "c")),
        ("unknown", "two", ("a",)),
    ]
