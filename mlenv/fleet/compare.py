"""Differences between hosts that should be alike: the values that most have, and who deviates."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlenv.fleet.documents import Alike, Difference, Group
from mlenv.fleet.traits import TOPICS, Subject, Traits

_ORDER = {topic: place for place, topic in enumerate(TOPICS)}


@dataclass(frozen=True, slots=True)
class Compared:
    """Subjects in which hosts differ, and those in which they don't."""

    differences: tuple[Difference, ...]
    alike: tuple[Alike, ...]


@dataclass(frozen=True, slots=True)
class _Split:
    """Hosts by the value that they have of one subject; None: it is not there."""

    subject: Subject
    values: tuple[tuple[str | None, tuple[str, ...]], ...]
    unknown: tuple[str, ...]


def compared(traits: Mapping[str, Traits], failing: Collection[str]) -> Compared:
    """Compare hosts, by name; `failing`: the names of those that are broken."""
    splits = [_split(subject, traits) for subject in _subjects(traits.values())]
    differing = [split for split in splits if len(split.values) > 1]
    differences = [_difference(group, set(failing)) for group in _together(differing)]
    differences.sort(key=lambda each: (-_suspicion(each), _ORDER[each.topic]))
    alike = (
        Alike(topic=split.subject[0], subject=split.subject[1], value=value, unknown=split.unknown)
        for split in splits
        if len(split.values) == 1 and (value := split.values[0][0]) is not None
    )
    return Compared(tuple(differences), tuple(alike))


def _subjects(traits: Collection[Traits]) -> Iterator[Subject]:
    """Each subject of any host once, by topic."""
    subjects = dict.fromkeys(subject for each in traits for subject in each.values)
    return iter(sorted(subjects, key=lambda subject: _ORDER[subject[0]]))


def _split(subject: Subject, traits: Mapping[str, Traits]) -> _Split:
    hosts: dict[str | None, list[str]] = {}
    unknown: list[str] = []
    for host, each in traits.items():
        if each.knows(subject):
            hosts.setdefault(each.values.get(subject), []).append(host)
        else:
            unknown.append(host)
    ordered = sorted(hosts.items(), key=lambda item: (-len(item[1]), item[0] or ""))
    return _Split(subject, tuple((value, tuple(names)) for value, names in ordered), tuple(unknown))


def _together(splits: Sequence[_Split]) -> list[list[_Split]]:
    """The subjects of a topic that set the same hosts apart, side by side."""
    groups: dict[object, list[_Split]] = {}
    for split in splits:
        parts = frozenset(hosts for _, hosts in split.values)
        groups.setdefault((split.subject[0], parts, split.unknown), []).append(split)
    return list(groups.values())


def _difference(splits: Sequence[_Split], failing: set[str]) -> Difference:
    parts = [hosts for _, hosts in splits[0].values]
    known = {split.subject[1]: {hosts: value for value, hosts in split.values} for split in splits}
    return Difference(
        topic=splits[0].subject[0],
        subjects=tuple(split.subject[1] for split in splits),
        groups=tuple(
            Group(
                hosts=hosts,
                failing=len(failing.intersection(hosts)),
                values={subject: values[hosts] for subject, values in known.items()},
            )
            for hosts in parts
        ),
        usual=len(parts[0]) * 2 > sum(map(len, parts)),
        unknown=splits[0].unknown,
    )


def _suspicion(difference: Difference) -> float:
    """The number of broken hosts among those that deviate, beyond the share of the others."""
    first, *others = difference.groups
    if not difference.usual:
        return 0.0
    expected = first.failing / len(first.hosts) * sum(len(group.hosts) for group in others)
    return max(0.0, sum(group.failing for group in others) - expected)
