"""The same causes as other programs, languages, systems and versions word them.

Among them programs that print a guess of their own ("not installed", "invalid token") above the
real error, which must come first.
"""

from __future__ import annotations

import json

import pytest

from tests.support.logs import DATA, ids

WORDINGS = [json.loads(line) for line in (DATA / "wordings.jsonl").read_text("utf-8").splitlines()]
PROSE = [json.loads(line) for line in (DATA / "prose.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("row", WORDINGS, ids=lambda row: row["cause"])
def test_wording(row: dict[str, str]) -> None:
    assert ids(row["log"])[:1] == [row["cause"]]


@pytest.mark.parametrize("text", PROSE)
def test_the_same_words_where_nothing_failed(text: str) -> None:
    assert set(ids(text)) <= {"benign-warning"}
