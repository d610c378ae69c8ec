"""The patterns of the table (see `mlenv.knowledge`), made to be searched fast.

A block of the log can only hold a pattern if its words include all of the pattern's whole words;
that costs one set comparison. Only then is the block searched for the longest plain part of the
pattern, and only where that stands is the regular expression tried. It is compiled at that moment,
and each of its gaps is bounded and atomic, so that no text makes it backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

GAP = 300  # characters that `...` may skip
WORD_PART = 120  # characters that `*` may skip

_PIECES = re.compile(r"( ?\.\.\. ?|\*|<[^<>]*\|[^<>]*>|\{[a-z-]+\})")
_NOT_WORD = bytes(
    byte if byte > 127 or bytes([byte]).isalnum() else ord(" ") for byte in range(256)
)


def words(text: bytes) -> list[bytes]:
    """The words of lower-cased text: runs of letters, digits and non-ASCII bytes."""
    return text.translate(_NOT_WORD).split()


def patterns(source: str, phrases: Mapping[str, tuple[str, ...]]) -> list[Pattern]:
    """The pattern of a wording; one for each choice if only choices hold its words."""
    pieces = [piece for piece in _PIECES.split(source) if piece]
    if any(words(piece.encode()) for piece in pieces if not _choices(piece, phrases)):
        return [Pattern(source, phrases)]
    index = next(i for i, piece in enumerate(pieces) if _choices(piece, phrases))
    before, after = "".join(pieces[:index]), "".join(pieces[index + 1 :])
    return [
        Pattern(before + choice + after, phrases) for choice in _choices(pieces[index], phrases)
    ]


def _choices(piece: str, phrases: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What `<a|b>` or `{name}` stands for; nothing for other pieces."""
    if piece.startswith("{"):
        return phrases.get(piece[1:-1], ())
    return tuple(piece[1:-1].split("|")) if _PIECES.fullmatch(piece) and "|" in piece else ()


class Pattern:
    """One wording.

    `words` are in every block that holds it, `literal` is in it unless it was wrapped, `key` is
    a word of it.
    """

    def __init__(self, source: str, phrases: Mapping[str, tuple[str, ...]]) -> None:
        self.source = source
        self._phrases = phrases
        self._pieces = [piece for piece in _PIECES.split(source.lower()) if piece]
        self.literals = sum(len(piece) for piece in self._pieces if self._is_literal(piece))
        whole = [word for piece in self._pieces for word in self._whole_words(piece)]
        self.words = frozenset(whole)
        literals = [piece.strip().encode() for piece in self._pieces if self._is_literal(piece)]
        self.literal = max(literals, key=len)
        self.key = max(whole or words(self.literal), key=len)

    def _is_literal(self, piece: str) -> bool:
        return piece != "*" and piece.strip() != "..." and not _choices(piece, self._phrases)

    def _whole_words(self, piece: str) -> list[bytes]:
        """The words of a literal piece that the pattern fixes on both sides.

        The first and the last one may be the end and the beginning of longer words.
        """
        if not self._is_literal(piece):
            return []
        text = piece.encode()
        found = words(text)
        if found and text[:1].translate(_NOT_WORD) != b" ":
            found = found[1:]
        if found and text[-1:].translate(_NOT_WORD) != b" ":
            found = found[:-1]
        return found

    @cached_property
    def regex(self) -> re.Pattern[bytes]:
        """For lower-cased text in which every run of white space is one space."""
        made, gap = "", ""
        for piece in self._pieces:
            if piece.strip() == "...":
                gap = f".{{0,{GAP}}}?"
                continue
            if piece == "*":
                gap = gap or f"[^ ]{{0,{WORD_PART}}}?"
                continue
            literal = self._choice(piece)
            made += f"(?>{gap}{literal})" if gap else literal
            gap = ""
        inside_word = "(?<![a-z])" if self._pieces[0][0].isalpha() else ""
        return re.compile((inside_word + made).encode(), re.DOTALL)

    def _choice(self, piece: str) -> str:
        choices = _choices(piece, self._phrases) or (piece,)
        longest_first = sorted((choice.lower() for choice in choices), key=len, reverse=True)
        escaped = [re.escape(choice).replace(r"\ ", " ") for choice in longest_first]
        return escaped[0] if len(escaped) == 1 else f"(?>{'|'.join(escaped)})"
