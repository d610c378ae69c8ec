"""Lines on narrow terminals: no word is lost, and none is broken by the terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlenv.cli.render import verify
from mlenv.cli.render.fitting import fit
from mlenv.speech.verify.documents import Verified
from mlenv.speech.verify.measure import Row

ROW = "\x1b[32mcan run   \x1b[0m cpu      machines without a GPU: the same tools in a third of it"


def test_a_row_goes_on_under_its_last_column() -> None:
    assert fit(ROW, 80) == [ROW]
    assert fit(ROW, 0) == [ROW]
    assert fit(ROW, 44) == [
        "\x1b[32mcan run\x1b[0m    cpu      machines without a GPU:",
        "                    the same tools in a",
        "                    third of it",
    ]


MODEL = "here    tiny.en      78 MB  MIT         Whisper tiny.en (English only)  /a/tiny.en"


def test_columns_stay_whole() -> None:
    assert fit(MODEL, 30) == [
        "here    tiny.en      78 MB",
        "        MIT",
        "        Whisper tiny.en",
        "        (English only)",
        "        /a/tiny.en",
    ]
    assert fit("  * 001-cu124-53feeb84  2026-11-29T01:19:10+00:00  6.2 GB (frees 12 MB)", 40) == [
        "  * 001-cu124-53feeb84",
        "    2026-11-29T01:19:10+00:00",
        "    6.2 GB (frees 12 MB)",
    ]
    assert fit("  torch and its companions  7 ok, 3 not applicable", 40) == [
        "  torch and its companions",
        "    7 ok, 3 not applicable",
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


def test_a_table_of_numbers_has_its_names_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """`mlenv verify` on 40 columns."""
    rows = (
        Row(
            model="base", device="cpu", compute_type="int8", load=1.5, inference=20.0,
            real_time_factor=0.445, measure="word error rate", error_rate=0.058, limit=0.15,
        ),
        Row(model="base", device="cuda", problem="no such device", ok=False),
    )  # fmt: skip
    record = Verified(rows=rows, not_tried={}, changes=[], compared_with=None, receipt=None)
    monkeypatch.setattr("mlenv.cli.render.verify.columns", lambda: 40)
    assert [piece for line in verify.lines(record) for piece in fit(line, 40)] == [
        "ok base on cpu int8",
        "     load 1.50 s, inference 20.00 s,",
        "     real time 0.445, errors WER 0.058,",
        "     limit 0.15",
        "fail base on cuda",
        "receipt: none",
    ]
    monkeypatch.setattr("mlenv.cli.render.verify.columns", lambda: 80)
    assert list(verify.lines(record))[:3] == [
        "      model  device    load    inference  real time  errors     limit",
        "ok    base   cpu int8  1.50 s  20.00 s    0.445      WER 0.058  0.15",
        "fail  base   cuda      -       -          -          -          -",
    ]
