"""Look at the environment at hand: run the checks that decide between the diagnoses of a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlenv.doctor.explain.rank import Diagnosis

if TYPE_CHECKING:
    from mlenv.doctor.facts import Facts

Seen = Mapping[str, Any]

# What a check found, from the one that confirms a diagnosis to the one that speaks against it.
_SPEAKS_FOR = {"fail": 0, "warn": 1, "unknown": 2, "crash": 2, "skip": 2, "": 2, "ok": 3}


def decided(found: Sequence[Diagnosis], venv: Path) -> tuple[list[Diagnosis], dict[str, Seen]]:
    """The diagnoses, those that the machine confirms before others of the same words; and what
    the check of each one saw: {id: {"outcome", "evidence"}}."""
    from mlenv.doctor import examine
    from mlenv.doctor.facts import target

    ids = _in_question(found)
    if not ids:
        return list(found), {}
    report = examine.examine(target.of_venv(venv), ids)
    seen: dict[str, Seen] = {
        document["id"]: {"outcome": document["outcome"], "evidence": document["evidence"]}
        for document in report.documents()
        if document["id"] in ids
    }
    return reordered(found, {**seen, **_without_driver(report.facts, seen)}), seen


def _without_driver(facts: Facts, seen: Mapping[str, Seen]) -> dict[str, Seen]:
    """Doctor says nothing against a machine without a GPU; for a log that wanted one, that
    there is no driver is the answer."""
    from mlenv.doctor.checks import nvidia_driver

    if nvidia_driver.has_library(facts) or nvidia_driver.on_the_bus(facts):
        return {}
    said = {"no-nvidia-driver": "fail", "driver-too-old": "ok"}
    return {id: {**seen[id], "outcome": outcome} for id, outcome in said.items() if id in seen}


def _in_question(found: Sequence[Diagnosis]) -> list[str]:
    """The likeliest diagnosis and those that the same words could mean."""
    if not found or found[0].level == "harmless":
        return []
    first = found[0].entry.id
    return [d.entry.id for d in found if d.entry.id == first or d.instead_of == first]


def reordered(found: Sequence[Diagnosis], seen: Mapping[str, Seen]) -> list[Diagnosis]:
    """Candidates that a check confirms before those it speaks against; ties stay as they are."""
    ids = _in_question(found)
    candidates = [d for d in found if d.entry.id in ids]
    rest = [d for d in found if d.entry.id not in ids]
    outcome = {id: _SPEAKS_FOR[seen.get(id, {}).get("outcome", "")] for id in ids}
    candidates.sort(key=lambda d: outcome[d.entry.id])
    first = candidates[0]
    confidence = "high" if outcome[first.entry.id] == 0 else first.confidence
    others = [replace(d, instead_of=first.entry.id) for d in candidates[1:]]
    renamed = [replace(d, follows=first.entry.id) if d.follows in ids else d for d in rest]
    return [replace(first, confidence=confidence, instead_of=""), *others, *renamed]
