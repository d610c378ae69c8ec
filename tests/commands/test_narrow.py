"""Lines on narrow terminals: no word is lost, and none is broken by the terminal."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mlenv.cli.render.fitting import fit

ROW = "\x1b[32mcan run   \x1b[0m cpu      machines without a GPU: the same tools in a third of it"


def test_a_row_goes_on_under_its_last_column() -> None:
    assert fit(ROW, 80) == [ROW]
    assert fit(ROW, 0) == [ROW]
    assert fit(ROW, 44) == [
        "\x1b[32mcan run\x1b[0m    cpu      machines without a GPU:",
        "                    the same tools in a",
        "                    third of it",
    ]


def test_a_word_that_is_too_wide_stays_whole() -> None:
    assert fit("kept /a/very/long/path/to/something", 12) == [
        "kept",
        "/a/very/long/path/to/something",
    ]


@given(st.text("ab /", max_size=200), st.integers(10, 100))
def test_nothing_is_lost(line: str, limit: int) -> None:
    pieces = fit(line, limit)
    assert re.findall("[^ ]+", " ".join(pieces)) == re.findall("[^ ]+", line)
    widest = max(map(len, re.findall("[^ ]+", line)), default=0)
    assert all(len(piece) <= limit + widest for piece in pieces)
