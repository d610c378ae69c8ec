"""What the heavy tests really tried, and what became of it: printed at their end.

Every figure but the first must be nought; the test that finds another fails by itself.
"""

from __future__ import annotations

from collections import Counter

FILES = "files tried"
LOST = "seconds lost without a word"
FALSE = "false warnings"
FIGURES = (FILES, LOST, FALSE)

figures: Counter[str] = Counter()


def count(name: str, number: float) -> None:
    """Add to a figure."""
    figures[name] += number  # type: ignore[assignment]  # seconds are no whole number


def lines() -> list[str]:
    """The figures that were counted, one a line."""
    return [f"{figures[name]:8.10g}  {name}" for name in FIGURES if name in figures]


def faults() -> list[str]:
    """The figures that should be nought and are not."""
    return [name for name in FIGURES[1:] if figures[name]]
