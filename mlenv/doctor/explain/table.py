"""All patterns of the table at once: which of them may stand in a block, found in one pass.

Two automata (Aho-Corasick) go over the block: one knows the longest plain part of each pattern, the
other the words that each has. A pattern whose plain part is not there as it is may stand there
wrapped or escaped, if all of its words are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

from ahocorasick_rs import BytesAhoCorasick, Implementation

from mlenv.doctor import knowledge
from mlenv.doctor.explain.patterns import Pattern, patterns
from mlenv.doctor.knowledge import Signature

SHORTEST = 5  # letters of a word that is asked for: shorter ones are everywhere


@dataclass(frozen=True, slots=True)
class Table:
    """The patterns with their entries' identifiers, and what finds them by their numbers.

    `terms`: of each pattern the words that a block must have. `groups`: of each the alternatives of
    which a block must have one.
    """

    patterns: Sequence[tuple[str, Signature, Pattern]]
    terms: Sequence[frozenset[int]]
    groups: Sequence[Sequence[frozenset[int]]]
    _literals: BytesAhoCorasick
    _literal: Sequence[int]
    _words: BytesAhoCorasick
    _by_word: dict[int, Sequence[int]]
    _without_words: Sequence[int]

    def candidates(self, block: bytes) -> Iterator[tuple[int, Sequence[int]]]:
        """Numbers of patterns that may stand in a lower-case block, in order.

        Each with the places of its longest plain part; none where that could only be wrapped.
        """
        places: dict[int, list[int]] = {}
        for literal, start, _ in self._literals.find_matches_as_indexes(block, overlapping=True):
            if literal in places:
                places[literal].append(start)
            else:
                places[literal] = [start]
        words = self._words.find_matches_as_indexes(block, overlapping=True)
        present = {match[0] for match in words}
        possible = {i for word in self._by_word.keys() & present for i in self._by_word[word]}
        possible.update(self._without_words)
        for index in sorted(possible):
            if self._has_all(index, present):
                yield index, places.get(self._literal[index], ())

    def _has_all(self, index: int, present: set[int]) -> bool:
        return self.terms[index] <= present and not any(
            group.isdisjoint(present) for group in self.groups[index]
        )


@cache
def table() -> Table:
    """The patterns of all entries."""
    named = knowledge.phrases()
    found = [
        (entry.id, signature, pattern)
        for entry in knowledge.entries().values()
        for signature in entry.signatures
        for wording in signature.match
        for pattern in patterns(wording, named)
    ]
    literals = _numbered([pattern.literal] for _, _, pattern in found)
    asked = [_asked(pattern) for _, _, pattern in found]
    number = _numbered([*terms, *chain(*any_of)] for terms, any_of in asked)
    by_word: dict[int, list[int]] = {}
    for index, (terms, _) in enumerate(asked):
        if terms:
            by_word.setdefault(number[max(terms, key=_rarity)], []).append(index)
    return Table(
        found,
        [frozenset(number[term] for term in terms) for terms, _ in asked],
        [[frozenset(number[term] for term in group) for group in any_of] for _, any_of in asked],
        _automaton(literals, Implementation.ContiguousNFA),
        [literals[pattern.literal] for _, _, pattern in found],
        _automaton(number, Implementation.DFA),
        dict(by_word),
        [index for index, (terms, _) in enumerate(asked) if not terms],
    )


def _asked(pattern: Pattern) -> tuple[list[bytes], list[tuple[bytes, ...]]]:
    """The words of a pattern that are asked for, and its groups of alternatives."""
    terms = [term for term in (*pattern.words, *pattern.ends) if len(term) >= SHORTEST]
    groups = [group for group in pattern.any_of if min(map(len, group)) >= SHORTEST]
    return terms, groups


def _numbered(groups: Iterable[Iterable[bytes]]) -> dict[bytes, int]:
    """All texts with a number each."""
    found: dict[bytes, int] = {}
    for group in groups:
        for text in group:
            found.setdefault(text, len(found))
    return found


def _automaton(texts: Iterable[bytes], kind: Implementation) -> BytesAhoCorasick:
    """One that is fast (`DFA`), or one that is built fast (for long texts)."""
    return BytesAhoCorasick(list(texts), implementation=kind)


def _rarity(word: bytes) -> tuple[bool, int]:
    return not word.isdigit(), len(word)


def outermost(places: Sequence[int], most: int) -> Sequence[int]:
    """At most so many places from either end."""
    return places if len(places) <= 2 * most else (*places[:most], *places[-most:])
