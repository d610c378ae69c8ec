"""From the places where known wordings stand to diagnoses, the root cause first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from mlenv.doctor import knowledge
from mlenv.doctor.explain import context
from mlenv.doctor.explain.scan import Hit, Scan
from mlenv.doctor.knowledge import Entry, Remedy

_CONFIDENCE = {"high": 0, "medium": 1, "low": 2}
_LEVEL = {"error": 0, "sign": 1, "harmless": 2}
NEAR = 4000  # bytes: a wording within a longer one's is about the same thing


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One cause that the log names."""

    entry: Entry
    confidence: str  # "high", "medium" or "low"
    level: str  # "error", "sign" or "harmless"
    matched: str
    line: int
    position: int
    count: int
    words: str
    remedy: Remedy
    follows: str = ""  # the id of the diagnosis that this one is a consequence of
    instead_of: str = ""  # the id of the likelier cause of the same words


def diagnose(scanned: Scan, known: Mapping[str, str] = MappingProxyType({})) -> list[Diagnosis]:
    """The causes, best first; consequences and less likely causes after what they belong to.

    `known`: facts that stand in no log, such as the profile in use.
    """
    facts = {**context.read(scanned.context), **known}
    by_id: dict[str, list[tuple[Hit, str]]] = defaultdict(list)
    for hit in _most_specific(scanned.hits, facts):
        by_id[hit.id].append((hit, _confidence(hit, facts)))
    diagnoses = [_diagnosis(entry_id, hits, facts) for entry_id, hits in by_id.items()]
    return _ordered(diagnoses)


def _applies(hit: Hit, facts: context.Facts) -> bool:
    return all(context.holds(condition, facts) for condition in hit.signature.when)


def _confidence(hit: Hit, facts: context.Facts) -> str:
    for condition, confidence in hit.signature.cases:
        if context.holds(condition, facts):
            return confidence
    return hit.signature.confidence


def _most_specific(hits: Sequence[Hit], facts: context.Facts) -> list[Hit]:
    """Hits that no other covers: a longer wording at the same place, at least as sure.

    So does one that the log's own circumstances make certain, such as a frozen program.
    """
    valid = [hit for hit in hits if _applies(hit, facts) and _confidence(hit, facts) != "never"]
    return [hit for hit in valid if not any(_covers(other, hit, facts) for other in valid)]


def _covers(other: Hit, hit: Hit, facts: context.Facts) -> bool:
    if other.id == hit.id or abs(other.position - hit.position) >= NEAR:
        return False
    if _by_circumstance(hit, facts):
        return False
    if _by_circumstance(other, facts):
        return other.words in hit.words
    return (
        _CONFIDENCE[_confidence(other, facts)] <= _CONFIDENCE[_confidence(hit, facts)]
        and (len(other.words), other.literals) > (len(hit.words), hit.literals)
        and hit.words in other.words
    )


def _by_circumstance(hit: Hit, facts: context.Facts) -> bool:
    """Tell if words that many programs print mean only this in such a log."""
    return hit.signature.confidence == "never" and _confidence(hit, facts) == "high"


def _diagnosis(entry_id: str, hits: Sequence[tuple[Hit, str]], facts: context.Facts) -> Diagnosis:
    entry = knowledge.entries()[entry_id]
    best, confidence = min(
        hits,
        key=lambda item: (
            _LEVEL[item[0].signature.level],
            _CONFIDENCE[item[1]],
            -item[0].literals,
            item[0].position,
        ),
    )
    return Diagnosis(
        entry,
        confidence,
        best.signature.level,
        best.matched,
        best.line,
        min(
            h.position
            for h, c in hits
            if (h.signature.level, c) == (best.signature.level, confidence)
        ),
        len({hit.position for hit, _ in hits}),
        best.words,
        remedy(entry, facts),
    )


def remedy(entry: Entry, facts: Mapping[str, str]) -> Remedy:
    """The remedy that fits what the log says of versions and platform."""
    for variant in entry.variants:
        if all(context.holds(condition, facts) for condition in variant.when):
            prose = variant.prose
            for name, value in facts.items():
                prose = prose.replace("{" + name + "}", value)
            return Remedy(prose=prose, commands=variant.commands, fixable=variant.fixable)
    return entry.remedy


def _rank(found: Diagnosis) -> tuple[int, int, int, int]:
    return (
        _LEVEL[found.level],
        _CONFIDENCE[found.confidence],
        found.position,
        list(knowledge.entries()).index(found.entry.id),
    )


def _ordered(diagnoses: list[Diagnosis]) -> list[Diagnosis]:
    diagnoses = sorted(diagnoses, key=_rank)
    ids = {diagnosis.entry.id for diagnosis in diagnoses if diagnosis.level != "harmless"}
    roots: list[Diagnosis] = []
    dependent: dict[str, list[Diagnosis]] = defaultdict(list)
    for diagnosis in diagnoses:
        causes = [r for r in diagnoses if r.entry.id in ids and _may_cause(r, diagnosis)]
        known = {cause.entry.id for cause in causes}
        root = next(
            (entry_id for entry_id in knowledge.roots_of(diagnosis.entry.id) if entry_id in known),
            "",
        )
        same_words = next((r for r in roots if _same_place(r, diagnosis)), None)
        if root:
            dependent[root].append(replace(diagnosis, follows=root))
        elif same_words is not None:
            dependent[same_words.entry.id].append(
                replace(diagnosis, instead_of=same_words.entry.id)
            )
        else:
            roots.append(diagnosis)
    ordered: list[Diagnosis] = []

    def add(diagnosis: Diagnosis) -> None:
        if diagnosis not in ordered:
            ordered.append(diagnosis)
            for after in dependent.pop(diagnosis.entry.id, ()):
                add(after)

    for diagnosis in roots:
        add(diagnosis)
    for rest in list(dependent.values()):  # two that follow from each other
        for diagnosis in rest:
            add(diagnosis)
    return ordered


def _may_cause(root: Diagnosis, diagnosis: Diagnosis) -> bool:
    """A root stands elsewhere in the log, and a sign is no root of an error."""
    weaker = _LEVEL[root.level] > _LEVEL[diagnosis.level]
    return not weaker and not _same_place(root, diagnosis)


def _same_place(one: Diagnosis, other: Diagnosis) -> bool:
    return one.words == other.words and abs(one.position - other.position) < NEAR
