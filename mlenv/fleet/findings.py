"""Findings grouped over hosts: who has them, and what to do about them, once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from mlenv.doctor.checks.common import Outcome
from mlenv.doctor.examine import FindingDocument
from mlenv.fleet.documents import Evidence, FleetFinding, Remedy

# Outcomes that are listed, the worst first. What is fine or does not apply is only counted.
WORST_FIRST: tuple[Outcome, ...] = ("fail", "crash", "warn", "unknown")

Owned = tuple[str, FindingDocument]  # a host and a finding there


def grouped(findings: Mapping[str, Sequence[FindingDocument]]) -> tuple[FleetFinding, ...]:
    """The findings of all hosts (by name), by id and outcome: the worst and most frequent first."""
    groups: dict[tuple[Outcome, str], list[Owned]] = {}
    for host, own in findings.items():
        for finding in own:
            groups.setdefault((finding.outcome, finding.id), []).append((host, finding))
    ordered = sorted(
        groups.items(), key=lambda item: (WORST_FIRST.index(item[0][0]), -len(item[1]), item[0][1])
    )
    return tuple(_finding(outcome, name, owned) for (outcome, name), owned in ordered)


def _finding(outcome: Outcome, name: str, owned: Sequence[Owned]) -> FleetFinding:
    def words(finding: FindingDocument) -> Hashable:
        return finding.title, finding.cause, finding.remedy.prose, finding.remedy.commands

    return FleetFinding(
        id=name,
        outcome=outcome,
        hosts=tuple(host for host, _ in owned),
        remedies=tuple(
            Remedy(
                title=first.title,
                cause=first.cause,
                prose=first.remedy.prose,
                commands=first.remedy.commands,
                hosts=hosts,
            )
            for first, hosts in _alike(owned, words)
        ),
        evidence=tuple(
            Evidence(lines=first.evidence, hosts=hosts)
            for first, hosts in _alike(owned, lambda finding: finding.evidence)
        ),
    )


def _alike(
    owned: Iterable[Owned], key: Callable[[FindingDocument], Hashable]
) -> list[tuple[FindingDocument, tuple[str, ...]]]:
    """A finding of each kind with its hosts, the kind of most hosts first."""
    kinds: dict[Hashable, list[Owned]] = {}
    for host, finding in owned:
        kinds.setdefault(key(finding), []).append((host, finding))
    ordered = sorted(kinds.values(), key=lambda kind: -len(kind))
    return [(kind[0][1], tuple(host for host, _ in kind)) for kind in ordered]
