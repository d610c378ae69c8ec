"""Where lines end, and how wide they are."""

from __future__ import annotations

import unicodedata
from itertools import accumulate, pairwise

import pytest
import wcwidth
from hypothesis import given
from hypothesis import strategies as st

from mlenv.speech.transcribe import lines

TEXTS = st.lists(
    st.sampled_from([*"ab .,!?)(「」ーっ日本ก็ำเ่ะ각«» \u3000", "e\u0301", "👩‍👩‍👧", "🇩🇪", "क्षि"])
).map("".join)
LANGUAGES = st.sampled_from(["en", "ja", "th", "zh", "yue", None])


def cut(text: str, language: str | None, width: int, *, strict: bool = False) -> list[str]:
    return [text[begin:end] for begin, end in lines.pieces(text, language, width, strict=strict)]


def test_wide_letters_are_two_cells_and_marks_none() -> None:
    texts = ("abc", "日本語", "e\u0301", "ก็", "👩‍👩‍👧", "🇩🇪", "한국")
    assert list(map(lines.cells, texts)) == [3, 6, 1, 1, 2, 2, 4]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("one two, three", "en", ["one", " two,", " three"]),
        ("Quoi ? Non !", "fr", ["Quoi ?", " Non !"]),
        ("see ( here ) now", "en", ["see", " ( here )", " now"]),
        ("なので、「さくら」を見ましょう。", "ja", ["なので、", "「さくら」を", "見ましょう。"]),
        ("他说：“你好！”", "zh", ["他", "说：", "“你", "好！”"]),  # noqa: RUF001
        ("วันนี้อากาศดีมาก ใครจะไป", "th", ["วัน", "นี้", "อากาศ", "ดี", "มาก", " ใคร", "จะ", "ไป"]),
    ],
)  # fmt: skip
def test_pieces_end_where_a_reader_expects_it(
    text: str, language: str, expected: list[str]
) -> None:
    assert cut(text, language, 40) == expected


def test_a_long_word_stays_whole_unless_its_language_has_no_blanks() -> None:
    assert cut("a Donaudampfschiff", "de", 5) == ["a", " Donaudampfschiff"]
    assert cut("a Donaudampf", "de", 5, strict=True) == ["a", " Donau", "dampf"]
    assert cut("ពាក្យខ្មែរ", "km", 4) == ["ពាក្យ", "ខ្មែរ"]
    assert cut("東京、大阪", "en", 4) == ["東", "京、", "大阪"]


@given(TEXTS, LANGUAGES, st.integers(1, 12), st.booleans())
def test_nothing_is_lost_and_no_letter_is_cut(
    text: str, language: str | None, width: int, strict: bool
) -> None:
    parts = cut(text, language, width, strict=strict)
    assert "".join(parts) == text
    letters = set(accumulate(map(len, wcwidth.iter_graphemes(text)), initial=0))
    assert letters.issuperset(accumulate(map(len, parts), initial=0))


@given(TEXTS, LANGUAGES, st.integers(1, 12))
def test_pieces_fit_and_begin_with_no_closing_sign(
    text: str, language: str | None, width: int
) -> None:
    """Unless one letter, or a row of signs that cling together, is wider than the line."""
    parts = cut(text, language, width, strict=True)
    for part in parts:
        widest = max(map(lines.cells, wcwidth.iter_graphemes(part)), default=0)
        assert lines.cells(part.strip()) <= max(width, widest)
    for before, after in pairwise(parts):
        sign = after.lstrip()[:1]
        if sign and (sign in lines.CLOSING or unicodedata.category(sign) in ("Pe", "Pf")):
            assert lines.cells((before + after).strip()) > width
