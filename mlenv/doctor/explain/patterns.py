"""The patterns of the table (see `mlenv.doctor.knowledge`), made to be searched fast.

A block of the log can only hold a pattern if it has all of the pattern's words. Only then are the
pattern's parts looked for where its longest plain part stands, one after the other: the first
place within its gap counts, nothing is tried again, so no text can make it slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

GAP = 300  # characters that `...` may skip
WORD_PART = 120  # characters that `*` may skip

_PIECES = re.compile(r"( ?\.\.\. ?|\*|<[^<>]*\|[^<>]*>|\{[a-z-]+\})")
_TELLING = re.compile(r"[a-z]|\d{3}")  # a word, or a number that is rare enough
_NOT_WORD = bytes(byte if bytes([byte]).isalpha() else ord(" ") for byte in range(256))
_WHOLE_NUMBER = re.compile(rb"(?<=[^\d'\"])\d\d+(?=[^\d\\])")  # no escape (\\u2019) can lengthen it
_NOT_DIGIT = bytes(byte if bytes([byte]).isdigit() else ord(" ") for byte in range(256))
Phrases = Mapping[str, tuple[str, ...]]


def words(text: bytes) -> list[bytes]:
    """The words of lower-cased text: runs of ASCII letters."""
    return text.translate(_NOT_WORD).split()


def _lower(text: str) -> str:
    """Lower-case as logs are made lower-case: ASCII letters only."""
    return text.encode().lower().decode()


def patterns(source: str, phrases: Phrases) -> list[Pattern]:
    """The pattern of a wording; one for each choice if only choices hold its words."""
    pieces = [piece for piece in _PIECES.split(_lower(source)) if piece]
    choices = [i for i, piece in enumerate(pieces) if _choices(piece, phrases)]
    if not choices or any(_TELLING.search(p) for p in pieces if not _choices(p, phrases)):
        return [Pattern(pieces, phrases)]
    index = choices[-1]
    return [
        Pattern([*pieces[:index], _lower(choice), *pieces[index + 1 :]], phrases)
        for choice in _choices(pieces[index], phrases)
    ]


def _choices(piece: str, phrases: Phrases) -> tuple[str, ...]:
    """The alternatives of `<a|b>` or `{name}`; nothing for other pieces."""
    if piece.startswith("{"):
        return phrases.get(piece[1:-1], ())
    return tuple(piece[1:-1].split("|")) if _PIECES.fullmatch(piece) and "|" in piece else ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One of `choices`, at most `gap` characters after the part before it."""

    choices: tuple[bytes, ...]
    probes: tuple[bytes, ...]  # the longest word of each choice
    gap: int
    within_word: bool


class Pattern:
    """One wording.

    `words`, and `ends` as parts of words or numbers, stand in every block that holds it, and one of
    each group in `any_of`; `literal` is its longest plain part and stands in the block unless it
    was wrapped; `key` is a word of it. `literals` counts the characters that it fixes, `reach`
    those that it can cover.
    """

    __slots__ = (
        "_parts",
        "any_of",
        "ends",
        "key",
        "literal",
        "literals",
        "reach",
        "words",
    )

    def __init__(self, pieces: list[str], phrases: Phrases) -> None:
        self._parts = list(_parts(pieces, phrases))
        plain = [part.choices[0] for part in self._parts if len(part.choices) == 1]
        self.literals = sum(min(map(len, part.choices)) for part in self._parts)
        self.literal = max((text.strip() for text in plain), key=len)
        whole = {word for text in plain for word in _whole_words(text)}
        if plain and plain[0] is self._parts[0].choices[0]:  # no word goes on before the pattern
            whole.update(words(plain[0])[: 1 if len(words(plain[0])) > 1 else 0])
        self.words = frozenset(
            [*whole, *(n for text in plain for n in _WHOLE_NUMBER.findall(text))]
        )
        parts = {part for text in plain for part in (*words(text), *_long_numbers(text))}
        self.ends = tuple(sorted(parts - self.words, key=len, reverse=True))
        self.any_of = tuple(
            part.probes
            for part in self._parts
            if len(part.choices) > 1 and all(words(probe) == [probe] for probe in part.probes)
        )
        self.key = max(sorted(whole) or words(self.literal) or [b""], key=len)
        if len(self.key) < 3:
            self.key = self.literal
        self.reach = sum(max(map(len, part.choices)) + part.gap for part in self._parts)

    def may_be_in(self, window: bytes) -> bool:
        """Tell if the window has a word of each part; saves most of the work on it."""
        return all(any(probe in window for probe in part.probes) for part in self._parts)

    def around(self, text: bytes, place: int) -> bytes | None:
        """The text that the pattern covers around `place`, if it matches there.

        `text` is lower-case and all white space in it single spaces.
        """
        first = self._parts[0]
        for choice in first.choices:
            start = text.find(choice, max(0, place - self.reach), place + len(choice))
            while 0 <= start <= place:
                end = self._end(text, start, start + len(choice))
                if end > place:
                    return text[start:end]
                start = text.find(choice, start + 1, place + len(choice))
        return None

    def _end(self, text: bytes, start: int, end: int) -> int:
        """The end of a match whose first part is at `start` to `end`, or -1."""
        if start and text[start : start + 1].isalpha() and text[start - 1 : start].isalpha():
            return -1
        for part in self._parts[1:]:
            terms = [
                (place, -len(choice))
                for choice in part.choices
                if (place := text.find(choice, end, end + part.gap + len(choice))) >= 0
            ]
            if not terms:
                return -1
            place, length = min(terms)
            if part.within_word and b" " in text[end:place]:
                return -1
            end = place - length
        return end


def _parts(pieces: list[str], phrases: Phrases) -> Iterator[_Part]:
    gap, within_word = 0, False
    for piece in pieces:
        if piece.strip() == "...":
            gap, within_word = GAP, False
        elif piece == "*":
            gap, within_word = max(gap, WORD_PART), gap < GAP
        else:
            choices = _choices(piece, phrases) or (piece,)
            texts = tuple(_lower(choice).encode() for choice in choices)
            probes = tuple(max(words(text) or [text.strip()], key=len) for text in texts)
            yield _Part(texts, probes, gap, within_word)
            gap, within_word = 0, False


def _long_numbers(text: bytes) -> list[bytes]:
    return [number for number in text.translate(_NOT_DIGIT).split() if len(number) > 1]


def _whole_words(text: bytes) -> list[bytes]:
    """Words of a plain part that it fixes on both sides.

    The first and the last one may be the end and the beginning of longer words.
    """
    terms = words(text)
    if terms and text[:1].translate(_NOT_WORD) != b" ":
        terms = terms[1:]
    if terms and text[-1:].translate(_NOT_WORD) != b" ":
        terms = terms[:-1]
    return terms
