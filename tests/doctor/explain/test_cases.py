"""Recall on real cases, as a table by category: run with `-rP` to see it.

The misses are listed by name, so that a change in any signature shows what it did everywhere.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.support.logs import DATA, ids

CASES = [json.loads(line) for line in (DATA / "cases.jsonl").read_text("utf-8").splitlines()]

# Texts that other causes have word for word, with nothing in the excerpt that decides.
MISSED = {
    "container-without-gpu": ["no-nvidia-driver"],  # a build step, but the log doesn't say so
    "no-nvidia-driver": ["driver-too-old"],  # no GPU, but the log doesn't say so
}


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """What each case's text is explained by."""
    return {case["id"]: ids(case["error"]) for case in CASES}


def test_table_of_hits_and_misses(found: dict[str, list[str]]) -> None:
    first, anywhere, cases = Counter[str](), Counter[str](), Counter[str]()
    missed: dict[str, list[str]] = {}
    for case in CASES:
        category = case["category"]
        if case["confidence"] == "low":
            continue
        named = found[case["id"]]
        cases[category] += 1
        anywhere[category] += category in named
        if named[:1] == [category]:
            first[category] += 1
        else:
            missed.setdefault(category, []).append(named[0] if named else "nothing")
    width = max(map(len, cases))
    print(f"{'':{width}}  cases  first  anywhere")
    for category in sorted(cases):
        counts = cases[category], first[category], anywhere[category]
        print(f"{category:{width}}  {counts[0]:5}  {counts[1]:5}  {counts[2]:8}")
    share = first.total() / cases.total()
    print(f"first diagnosis right: {first.total()} of {cases.total()} = {share:.1%}")
    assert missed == MISSED
    assert share >= 0.95


def test_the_right_cause_is_among_the_candidates_of_every_case(
    found: dict[str, list[str]],
) -> None:
    without = [c["id"] for c in CASES if c["category"] not in found[c["id"]]]
    assert without == []
