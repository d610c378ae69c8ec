"""The verdict on an environment, in one line that says what was tried and what was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, Protocol

from mlenv.doctor.checks.common import Outcome
from mlenv.doctor.checks.trial import NOTHING
from mlenv.doctor.facts.trial import Tried

State = Literal["broken", "undiagnosed", "works", "healthy", "untried"]


class Judged(Protocol):
    """A finding, or its document."""

    @property
    def id(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...


def state(findings: Sequence[Judged], trial: Sequence[Tried]) -> State:
    """The state that the findings add up to; healthy is only what ran."""
    count = Counter(finding.outcome for finding in findings)
    failed = [finding.id for finding in findings if finding.outcome == "fail"]
    if failed and failed != [NOTHING]:
        return "broken"
    if count["crash"] or (count and count["unknown"] == count.total()):
        return "undiagnosed"
    if not any(each.did for each in trial):
        return "untried"
    return "works" if count["warn"] else "healthy"


def line(findings: Sequence[Judged], trial: Sequence[Tried]) -> str:
    """The verdict in words."""
    count = Counter(finding.outcome for finding in findings)
    warnings = many(count["warn"], "warning")
    match state(findings, trial):
        case "broken":
            verdict = f"Broken: {many(count['fail'], 'check')} failed"
            verdict += f", {warnings}" if count["warn"] else ""
        case "undiagnosed":
            verdict = "Could not be diagnosed"
        case "untried":
            verdict = "Not known to work" if trial else "No fault found"
            verdict += f", {warnings}" if count["warn"] else ""
        case "works":
            verdict = f"Works, with {warnings}"
        case _:
            verdict = "Healthy"
    return f"{verdict}{';' if ':' in verdict else ':'} {_tried(trial)}"


def many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _tried(trial: Sequence[Tried]) -> str:
    """List the parts that were tried, and the reasons why others were not, each once."""
    tried = [each.part for each in trial if each.did]
    failed = [each.part for each in trial if each.failed]
    reasons: dict[str, list[str]] = {}
    for each in trial:
        if each.left_out:
            reasons.setdefault(each.left_out, []).append(each.part)
    sentences = [f"{', '.join(tried)} tried"] if tried else []
    sentences += [f"{', '.join(failed)} failed"] if failed else []
    sentences = sentences or ["nothing was tried"]
    sentences += [f"{', '.join(parts)} not tried ({why})" for why, parts in reasons.items()]
    return "; ".join(sentences)
