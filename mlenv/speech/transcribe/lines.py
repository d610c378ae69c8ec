"""Break lines of text, and measure them: in terminal cells, wide letters are two.

Imported late: the tables of Unicode take longer to load than all the rest of a short run.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

import budoux
import wcwidth

BLANK = re.compile(r"[ \u3000]+(?=[^ \u3000])")
# Signs that begin no line, and that end none, beside those that Unicode calls closing or opening.
CLOSING = frozenset(
    ",.:;!?%…‥‰،؛؟۔।॥።፣។、。，．：；！？％・ーｰ々〻ゝゞヽヾ〜～゛゜"  # noqa: RUF001
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ"
    "ะาๅๆฯະາຯໆ"
)
OPENING = frozenset("¿¡เแโใไເແໂໃໄ")
# Letters of languages that put no blanks between words: Thai to Tibetan, Burmese, Khmer, kana, Han.
BLANKLESS = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
PHRASES = {
    "ja": budoux.load_default_japanese_parser,
    "th": budoux.load_default_thai_parser,
    "zh": budoux.load_default_simplified_chinese_parser,
    "yue": budoux.load_default_traditional_chinese_parser,
}
Span = tuple[int, int]  # a part of a text, by offsets


def cells(text: str) -> int:
    """The width of a text."""
    return wcwidth.width(text)


def pieces(text: str, language: str | None, width: int | None, *, strict: bool) -> Iterator[Span]:
    """The parts of a text that stay together on a line, each with the blank before it.

    They end at blanks, in Japanese, Chinese and Thai at phrases. A piece wider than `width` is
    cut between letters where its language has no blanks, with `strict` in any.
    """
    for begin, end in pairwise([0, *_breaks(text, language), len(text)]):
        piece = text[begin:end]
        if width and cells(piece.strip()) > width and (strict or BLANKLESS.search(piece)):
            yield from _cut(text, begin, end, width)
        else:
            yield begin, end


def _breaks(text: str, language: str | None) -> list[int]:
    """Offsets at which a new line may begin."""
    places = {match.start() for match in BLANK.finditer(text)}
    if language in PHRASES:
        places |= _offsets(_parser(language).parse(text))
    places &= _offsets(wcwidth.iter_graphemes(text))
    first = len(text) - len(text.lstrip())
    return sorted(
        place
        for place in places
        if first < place < len(text)
        and not text[place - 1].isspace()
        and not _clings(text[place - 1], text[place : place + 9].lstrip())
    )


def _cut(text: str, begin: int, end: int, width: int) -> Iterator[Span]:
    """Parts of at most `width` cells, cut between letters as readers see them."""
    letters = list(wcwidth.iter_graphemes(text[begin:end]))
    first = 0
    while first < len(letters):
        least = first + 1
        while least < len(letters) and letters[least - 1].isspace():
            least += 1
        last, room = least, width - cells(letters[least - 1])
        while last < len(letters) and cells(letters[last]) <= room:
            room -= cells(letters[last])
            last += 1
        free = last  # the place to cut, unless a sign there clings to its neighbour
        while least < free < len(letters) and _clings(letters[free - 1], letters[free]):
            free -= 1
        if free < len(letters) and _clings(letters[free - 1], letters[free]):
            free = last
        after = begin + sum(map(len, letters[first:free]))
        yield begin, after
        begin, first = after, free


def _clings(before: str, after: str) -> bool:
    """Tell if no line may end between these two."""
    return _is(before[-1:], OPENING, "Ps", "Pi") or _is(after[:1], CLOSING, "Pe", "Pf")


def _is(sign: str, signs: frozenset[str], *categories: str) -> bool:
    return sign in signs or (bool(sign) and unicodedata.category(sign) in categories)


def _offsets(parts: Iterable[str]) -> set[int]:
    """The offsets at which the parts of a text end."""
    offset = 0
    offsets = set()
    for part in parts:
        offset += len(part)
        offsets.add(offset)
    return offsets


@functools.cache
def _parser(language: str) -> budoux.Parser:
    return PHRASES[language]()
