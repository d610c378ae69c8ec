"""The words that were found, each beside the known word that was said.

The alignment is jiwer's, of words in Whisper's own English normalisation, as the word error rate
has it. Here each word is normalised alone, so that its place stays known; numbers of several words
may therefore be marked where the rate counts no error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from mlenv.speech.transcribe.transcript import Word
from mlenv.speech.verify.scores import normalised

Kind = Literal["right", "substituted", "missing", "added"]


class Spoken(Struct, frozen=True, kw_only=True):
    """A word as it was found, and as it is known; one of them is empty where it has no partner.

    `start`, `end` in seconds; None for a word that is missing.
    """

    kind: Kind
    found: str = ""
    known: str = ""
    start: float | None = None
    end: float | None = None


def aligned(found: Sequence[Word], known: Sequence[str]) -> tuple[Spoken, ...]:
    """All words of both sides, in the order in which they were said."""
    pairs = list(_pairs([word["word"] for word in found], known))
    partners: dict[int, list[int]] = {}  # of each found word, the known ones
    wrong = set()
    for ours, theirs, equal in pairs:
        if ours is not None:
            partners.setdefault(ours, [])
            if theirs is not None and theirs not in partners[ours]:
                partners[ours].append(theirs)
            if not equal:
                wrong.add(ours)
    taken = {theirs: ours for ours, each in partners.items() for theirs in each}
    # A known word that is found in part makes its partner a wrong one.
    wrong |= {taken[theirs] for ours, theirs, _ in pairs if ours is None and theirs in taken}
    spoken: list[Spoken] = []
    missed: set[int] = set()
    next_found = 0
    for ours, theirs, _ in pairs:
        if ours is not None:
            for place in range(next_found, ours + 1):
                words = [known[each] for each in partners.get(place, ())]
                spoken.append(_spoken(found[place], words, place in wrong))
            next_found = max(next_found, ours + 1)
        elif theirs is not None and theirs not in taken and theirs not in missed:
            missed.add(theirs)
            spoken.append(Spoken(kind="missing", known=known[theirs]))
    spoken += [_spoken(word, [], False) for word in found[next_found:]]
    return tuple(spoken)


def _spoken(word: Word, known: Sequence[str], is_wrong: bool) -> Spoken:
    kind: Kind = "right"
    if is_wrong:
        kind = "substituted" if known else "added"
    return Spoken(
        kind=kind,
        found=word["word"].strip(),
        known=" ".join(known),
        start=word["start"],
        end=word["end"],
    )


def _pairs(
    found: Sequence[str], known: Sequence[str]
) -> Iterator[tuple[int | None, int | None, bool]]:
    """Places of a found and of a known word that stand for each other, and if they are equal.

    A word of several in the normalisation (`it's` is `it is`) comes several times.
    """
    import jiwer

    ours, our_place = _tokens(found)
    theirs, their_place = _tokens(known)
    if not theirs:
        yield from ((place, None, False) for place in our_place)
        return
    (chunks,) = jiwer.process_words(" ".join(theirs), " ".join(ours)).alignments
    for chunk in chunks:
        left = their_place[chunk.ref_start_idx : chunk.ref_end_idx]
        right = our_place[chunk.hyp_start_idx : chunk.hyp_end_idx]
        match chunk.type:
            case "insert":
                yield from ((place, None, False) for place in right)
            case "delete":
                yield from ((None, place, False) for place in left)
            case kind:
                both = zip(right, left, strict=True)
                yield from ((mine, other, kind == "equal") for mine, other in both)


def _tokens(words: Sequence[str]) -> tuple[list[str], list[int]]:
    """The normalised words, and of each the place of the word that it is from."""
    tokens = [(token, place) for place, word in enumerate(words) for token in _normal(word)]
    return [token for token, _ in tokens], [place for _, place in tokens]


def _normal(word: str) -> list[str]:
    return normalised(word).split()
