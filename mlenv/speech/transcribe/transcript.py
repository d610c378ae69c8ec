"""What a transcript is: the document that `--json`, `--format json` and every renderer share.

Times are seconds from the start of the file, three decimals.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Word(TypedDict):
    """One word as Whisper writes it, with the space before it and the punctuation after."""

    word: str
    start: float
    end: float
    probability: float
    speaker: NotRequired[str | None]


class Segment(TypedDict):
    """What one speaker says in one go. `speaker` is None where nobody looked."""

    start: float
    end: float
    text: str
    speaker: str | None
    words: list[Word]


class Turn(TypedDict):
    """Somebody speaks. Turns of different speakers may overlap."""

    start: float
    end: float
    speaker: str


class Transcript(TypedDict):
    """Everything known about one file. `timings`: seconds spent, by step."""

    path: str
    language: str | None
    duration: float
    segments: list[Segment]
    speakers: list[str]
    turns: list[Turn]
    timings: dict[str, float]
