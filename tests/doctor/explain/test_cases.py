"""Recall on real cases, as a table by category: run with `-rP` to see it.

The misses are listed by name, so that a change in any signature shows what it did everywhere.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from tests.support.logs import DATA, ids


def cases(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


# Texts that other causes have word for word, with nothing in the excerpt that decides.
MISSED: dict[str, Mapping[str, Sequence[str]]] = {
    "cases.jsonl": {
        "container-without-gpu": ["no-nvidia-driver"],  # a build step, but the log doesn't say so
        "no-nvidia-driver": ["driver-too-old"],  # no GPU, but the log doesn't say so
    },
    "field_cases.jsonl": {},
}
GOAL = {"cases.jsonl": 0.98, "field_cases.jsonl": 0.95}


@pytest.mark.parametrize("name", GOAL)
def test_table_of_hits_and_misses(name: str) -> None:
    first, anywhere, all_cases = Counter[str](), Counter[str](), Counter[str]()
    missed: dict[str, list[str]] = {}
    for case in cases(name):
        category = case["category"]
        if case["confidence"] == "low":
            continue
        found = ids(case["error"])
        all_cases[category] += 1
        anywhere[category] += category in found
        if found[:1] == [category]:
            first[category] += 1
        else:
            missed.setdefault(category, []).append(found[0] if found else "nothing")
    width = max(map(len, all_cases))
    print(f"{'':{width}}  cases  first  anywhere")
    for category in sorted(all_cases):
        counts = all_cases[category], first[category], anywhere[category]
        print(f"{category:{width}}  {counts[0]:5}  {counts[1]:5}  {counts[2]:8}")
    share = first.total() / all_cases.total()
    print(f"first diagnosis right: {first.total()} of {all_cases.total()} = {share:.1%}")
    assert missed == MISSED[name]
    assert share >= GOAL[name]


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("cases.jsonl", []),
        ("field_cases.jsonl", ["f2-089", "f2-025", "f2-026"]),  # cut before the error itself
    ],
)
def test_the_right_cause_is_among_the_candidates_of_every_case(name: str, cut: list[str]) -> None:
    without = [c["id"] for c in cases(name) if c["category"] not in ids(c["error"])]
    assert without == cut
