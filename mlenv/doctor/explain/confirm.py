"""Examine the environment with the checks that decide between the diagnoses of a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from mlenv.doctor.explain.rank import Diagnosis

if TYPE_CHECKING:
    from mlenv.doctor.facts import Facts


class Outcome(Struct, frozen=True):
    """The result of a check on this machine."""

    outcome: str
    evidence: tuple[str, ...]


# Outcomes, from the one that confirms a diagnosis to the one that speaks against it.
_SPEAKS_FOR = {"fail": 0, "warn": 1, "unknown": 2, "crash": 2, "skip": 2, "": 2, "ok": 3}


def confirm(
    diagnoses: Sequence[Diagnosis], venv: Path
) -> tuple[list[Diagnosis], dict[str, Outcome]]:
    """Put the diagnoses that this machine confirms first; and the outcome of each one's check.

    Raises `MlenvError` if `venv` can't be examined.
    """
    from mlenv.doctor import examine
    from mlenv.doctor.checks import CHECKS
    from mlenv.doctor.facts import target

    ids = _in_question(diagnoses)
    if not {each for check in CHECKS for each in check.ids}.intersection(ids):
        return list(diagnoses), {}
    report = examine.examine(target.of_venv(venv), ids)
    outcomes = {
        each.id: Outcome(each.outcome, each.evidence)
        for each in report.documents()
        if each.id in ids
    }
    return reordered(diagnoses, {**outcomes, **_without_driver(report.facts, outcomes)}), outcomes


def _without_driver(facts: Facts, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Count a missing driver as a failure.

    The doctor accepts a machine without a GPU, but here the log of a program names the driver.
    """
    from mlenv.doctor.checks import nvidia_driver

    if nvidia_driver.has_library(facts) or facts.driver.pci:
        return {}
    instead = {"no-nvidia-driver": "fail", "driver-too-old": "ok"}
    return {
        each: Outcome(outcome, outcomes[each].evidence)
        for each, outcome in instead.items()
        if each in outcomes
    }


def _in_question(diagnoses: Sequence[Diagnosis]) -> list[str]:
    """Ids of the likeliest diagnosis and of those that the same words could mean."""
    if not diagnoses or diagnoses[0].level == "harmless":
        return []
    first = diagnoses[0].entry.id
    return [d.entry.id for d in diagnoses if d.entry.id == first or d.instead_of == first]


def reordered(diagnoses: Sequence[Diagnosis], outcomes: Mapping[str, Outcome]) -> list[Diagnosis]:
    """Candidates that a check confirms before those it speaks against; ties keep their order."""
    ids = _in_question(diagnoses)
    candidates = [d for d in diagnoses if d.entry.id in ids]
    rest = [d for d in diagnoses if d.entry.id not in ids]
    weight = {each: _SPEAKS_FOR[outcomes[each].outcome if each in outcomes else ""] for each in ids}
    candidates.sort(key=lambda d: weight[d.entry.id])
    first = candidates[0]
    confidence = "high" if weight[first.entry.id] == 0 else first.confidence
    others = [replace(d, instead_of=first.entry.id) for d in candidates[1:]]
    renamed = [replace(d, follows=first.entry.id) if d.follows in ids else d for d in rest]
    return [replace(first, confidence=confidence, instead_of=""), *others, *renamed]
