"""The transcript: the document that `--json`, `--format json` and every format share.

Times are seconds from the start of the file, three decimals. They are finite and within the file
whatever a worker sends, and keys are always there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NotRequired, TypedDict

from mlenv.speech.workers import protocol

BLANKLESS = ("ja", "zh", "yue")  # languages that put no blank between sentences
# Patterns, compiled when they are needed: every start would wait for it.
_BLANKS = r"[^\S\xa0\u202f\u3000]+"  # those that may be a line's end, and lines' ends
_UNWRITABLE = r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]"


class Word(TypedDict):
    """One word, and who said it; `speaker` is None until speakers are known."""

    word: str
    start: float
    end: float
    probability: float | None
    speaker: str | None


class Segment(TypedDict):
    """A segment of one speaker; `speaker` is None without diarization.

    `channel`: its number, None unless each is transcribed apart.
    """

    start: float
    end: float
    text: str
    speaker: str | None
    words: list[Word]
    channel: int | None


def segment_of(segment: protocol.Segment, duration: float, channel: int | None = None) -> Segment:
    """A worker's segment of a file that lasts `duration` seconds, without a speaker as yet."""
    start = within(segment["start"], duration)
    return {
        "start": start,
        "end": max(start, within(segment["end"], duration)),
        "text": writable(segment["text"]),
        "speaker": None,
        "words": [_word_of(word, duration) for word in segment["words"]],
        "channel": channel,
    }


def _word_of(word: protocol.Word, duration: float) -> Word:
    start = within(word["start"], duration)
    return {
        "word": writable(word["word"]),
        "start": start,
        "end": max(start, within(word["end"], duration)),
        "probability": finite(word["probability"]),
        "speaker": None,
    }


Turn = protocol.Turn
FileWarning = protocol.FileWarning


class Transcript(TypedDict):
    """The transcript of one file. `timings`: seconds spent, by step.

    `text`: all of it. `language_probability`: 1 where the language was named, None without sound.
    `warnings`: whatever was lost, guessed or left out. `uri`: the file's address with each byte of
    its name, only where that is not UTF-8; `path` has U+FFFD for what is none.
    """

    path: str
    uri: NotRequired[str]
    text: str
    language: str | None
    language_probability: float | None
    duration: float
    segments: list[Segment]
    speakers: list[str]
    turns: list[Turn]
    timings: dict[str, float]
    warnings: list[FileWarning]


def whole_text(segments: Iterable[Segment], language: str | None) -> str:
    """The text of all segments."""
    blank = "" if language in BLANKLESS else " "
    return blank.join(segment["text"] for segment in segments if segment["text"])


def turns_within(turns: Iterable[Turn], duration: float) -> list[Turn]:
    """Turns as far as the file goes; those without length are none."""
    clipped: Iterable[Turn] = (
        {**turn, "start": within(turn["start"], duration), "end": within(turn["end"], duration)}
        for turn in turns
    )
    return [turn for turn in clipped if round(turn["start"], 3) < round(turn["end"], 3)]


def within(seconds: float, duration: float) -> float:
    """A time on a file's clock; no number is its start."""
    return min(max(0.0, seconds), duration)


def finite(number: float | None) -> float | None:
    """A number that JSON can hold."""
    return number if number is not None and math.isfinite(number) else None


def writable(text: str) -> str:
    """A text that a file can hold: what is no letter in Unicode is shown as such."""
    return re.sub(_UNWRITABLE, "\N{REPLACEMENT CHARACTER}", text)


def one_line(text: str) -> str:
    """A text in one line."""
    return re.sub(_BLANKS, " ", writable(text)).strip()
