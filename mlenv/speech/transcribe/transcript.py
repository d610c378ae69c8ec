"""The transcript: the document that `--json`, `--format json` and every format share.

Times are seconds from the start of the file, three decimals.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from mlenv.speech.workers import protocol


class Word(protocol.Word):
    """One word, and who said it once speakers are known."""

    speaker: NotRequired[str | None]


class Segment(TypedDict):
    """A segment of one speaker; `speaker` is None without diarization.

    `channel`: its number, where each is transcribed apart.
    """

    start: float
    end: float
    text: str
    speaker: str | None
    words: list[Word]
    channel: NotRequired[int]


def segment_of(found: protocol.Segment) -> Segment:
    """A worker's segment, without a speaker as yet."""
    return {
        "start": found["start"],
        "end": found["end"],
        "text": found["text"],
        "speaker": None,
        "words": [
            {
                "word": word["word"],
                "start": word["start"],
                "end": word["end"],
                "probability": word["probability"],
            }
            for word in found["words"]
        ],
    }


Turn = protocol.Turn
FileWarning = protocol.FileWarning


class Transcript(TypedDict):
    """The transcript of one file. `timings`: seconds spent, by step.

    `warnings`: whatever was lost, guessed or left out.
    """

    path: str
    language: str | None
    duration: float
    segments: list[Segment]
    speakers: list[str]
    turns: list[Turn]
    timings: dict[str, float]
    warnings: list[FileWarning]
