"""What a worker sends, as a transcript holds it."""

from __future__ import annotations

import math

from mlenv.speech.transcribe import transcript
from mlenv.speech.transcribe.transcript import Turn
from mlenv.speech.workers import protocol


def test_times_are_within_the_file_and_numbers_are_numbers() -> None:
    word: protocol.Word = {"word": " Hi\ud800", "start": 9.0, "end": 31.0, "probability": math.nan}
    found: protocol.Segment = {"start": math.nan, "end": 31.0, "text": "Hi\0", "words": [word]}
    assert transcript.segment_of(found, 10.0, 2) == {
        "start": 0.0,
        "end": 10.0,
        "text": "Hi\ufffd",
        "speaker": None,
        "words": [
            {
                "word": " Hi\ufffd",
                "start": 9.0,
                "end": 10.0,
                "probability": None,
                "speaker": None,
            }
        ],
        "channel": 2,
    }


def test_nothing_ends_before_it_begins() -> None:
    found: protocol.Segment = {"start": 5.0, "end": 4.0, "text": "Hi", "words": []}
    segment = transcript.segment_of(found, 10.0)
    assert (segment["start"], segment["end"]) == (5.0, 5.0)


def test_turns_end_with_the_file() -> None:
    turns: list[Turn] = [
        {"start": -0.1, "end": 9.0, "speaker": "A"},
        {"start": 9.5, "end": 10.016, "speaker": "B"},
        {"start": 10.0, "end": 10.016, "speaker": "C"},
    ]
    assert transcript.turns_within(turns, 10.0) == [
        {"start": 0.0, "end": 9.0, "speaker": "A"},
        {"start": 9.5, "end": 10.0, "speaker": "B"},
    ]


def test_the_text_of_all_has_blanks_where_the_language_has_them() -> None:
    segments = [
        transcript.segment_of({"start": 0.0, "end": 1.0, "text": text, "words": []}, 10.0)
        for text in ("天気。", "", "雨。")
    ]
    assert transcript.whole_text(segments, "ja") == "天気。雨。"
    assert transcript.whole_text(segments, "th") == "天気。 雨。"
