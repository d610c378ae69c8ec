"""What the tests of recordings and batches tried, and what became of it: printed at their end.

Every figure but the first must be nought; the test that finds another fails by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

FILES = "files tried"
LOST = "seconds lost without a word"
FALSE = "false warnings"
EARLY = "batches ended early"
LEFT = "files and processes left behind"
FIGURES = (FILES, LOST, FALSE, EARLY, LEFT)

figures: Counter[str] = Counter()


def count(name: str, number: float) -> None:
    """Add to a figure."""
    figures[name] += number  # type: ignore[assignment]  # seconds are no whole number


def batch(files: Iterable[object], settled: Collection[object]) -> None:
    """Count a batch; it ended early if one of its files was neither done nor named as failed."""
    count(EARLY, any(file not in settled for file in files))


def document(files: Iterable[object], found: dict[str, Any]) -> None:
    """Count a batch by its JSON document."""
    texts = [file["path"] for file in found["data"]["files"]]
    texts += [error["message"] for error in found["errors"]]
    named = [file for file in map(str, files) if any(text.startswith(file) for text in texts)]
    batch(map(str, files), named)


def left(things: Iterable[object]) -> list[object]:
    """Count what a run left behind."""
    found = list(things)
    count(LEFT, len(found))
    return found


def lines() -> list[str]:
    """The figures that were counted, one a line."""
    return [f"{figures[name]:8.10g}  {name}" for name in FIGURES if name in figures]


def faults() -> list[str]:
    """The figures that should be nought and are not."""
    return [name for name in FIGURES[1:] if figures[name]]
