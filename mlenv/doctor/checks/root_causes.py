"""List every consequence under its root cause, so that one cause is one finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mlenv.doctor import knowledge
from mlenv.doctor.checks.common import Check, Finding

_SEVERITY = {"fail": 2, "warn": 1}

Judged = Sequence[tuple[Check, Finding]]


def folded(judged: Judged) -> tuple[tuple[Check, Finding], ...]:
    """List each consequence under its root, which takes the worse of both outcomes.

    A consequence is only folded into a root that is itself bad.
    """
    findings = {finding.id: finding for _, finding in judged}
    for relation in knowledge.roots():
        for consequence in relation.consequences:
            root, under = findings.get(relation.id), findings.get(consequence)
            if not root or not under or not root.bad or not under.bad:
                continue
            if under.outcome == "warn" and relation.failures_only:
                continue
            if relation.variable:
                if not _is_of(root, relation.variable):
                    continue
                under = replace(under, commands=())
            findings[relation.id], findings[consequence] = listed_under(root, under)
    return tuple((check, findings[finding.id]) for check, finding in judged)


def _is_of(root: Finding, variable: str) -> bool:
    names = root.fields.get("variables", "").split(", ")
    return any(name.startswith(variable) for name in names)


def listed_under(root: Finding, consequence: Finding) -> tuple[Finding, Finding]:
    """Both findings, once the second is listed under the first."""
    evidence = (f"follows from {root.id}", *consequence.evidence)
    return _with(root, consequence), Finding(consequence.id, "skip", evidence, root=root.id)


def _with(root: Finding, consequence: Finding) -> Finding:
    line = f"follows: {consequence.id}"
    if consequence.evidence:
        line += f": {consequence.evidence[0]}"
    return replace(
        root,
        outcome=max(root.outcome, consequence.outcome, key=lambda outcome: _SEVERITY[outcome]),
        evidence=(*root.evidence, line),
        commands=tuple(dict.fromkeys((*root.commands, *consequence.commands))),
    )
