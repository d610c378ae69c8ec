"""Versions of packages, drivers, C libraries and GPU code, compared."""

from __future__ import annotations

import pytest

from mlenv.machine import versions


@pytest.mark.parametrize(
    ("version", "minimum", "expected"),
    [
        ("4.0.0", "4", True),
        ("4", "4.0.0", True),
        ("4.0.0rc1", "4", False),
        ("4.0.0.dev3", "4", False),
        ("4.0.0.post1", "4", True),
        ("2.5.1+cu121", "2.5.1", True),
        ("2.5.1+cu121", "2.5.2", False),
        ("2.5.1", "2.5.1+cu124", True),
        ("2.10.0", "2.9", True),
        ("470.223.02", "525.60.13", False),
        ("550.54.14", "525.60.13", True),
        ("8.6+PTX", "8.6", True),
        ("3.14.0a1+", "3.13", True),
        ("2.28", "2.4", True),
    ],
)
def test_a_version_against_another(version: str, minimum: str, expected: bool) -> None:
    assert versions.at_least(version, minimum) is expected
    assert versions.below(version, minimum) is not expected


@pytest.mark.parametrize("text", ["", None, "newer", "1..2"])
def test_text_that_is_no_version_is_neither_above_nor_below(text: str | None) -> None:
    assert versions.parse(text) is None
    assert not versions.at_least(text, "0")
    assert not versions.below(text, "9999")
    assert (versions.release(text), versions.major_minor(text)) == ((), "")


def test_the_numbers_of_a_version() -> None:
    assert versions.release("2.5.1+cu124") == (2, 5, 1)
    assert versions.release("8.6+PTX") == (8, 6)
    assert versions.major_minor("2.5.1+cu124") == "2.5"
    assert versions.major_minor("3.13.0rc2") == "3.13"
