"""Captions that are written while a file is under way come to what is written of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlenv.speech.transcribe import live
from mlenv.speech.transcribe.captions import Layout
from mlenv.speech.transcribe.events import Heard
from mlenv.speech.transcribe.formats import FORMATS, LIVE
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.transcript import Segment, Transcript

SOURCE = Source(Path("/talk.wav"), "talk.wav", Path("talk.wav"))
DURATION = 20.0


def segment(start: float, end: float, text: str) -> Segment:
    return {
        "start": start, "end": end, "text": text, "speaker": None, "words": [], "channel": None,
    }  # fmt: skip


def transcript(segments: list[Segment]) -> Transcript:
    return {
        "path": "talk.wav", "text": "", "language": "en", "language_probability": None,
        "duration": DURATION, "segments": segments, "speakers": [], "turns": [], "timings": {},
        "warnings": [],
    }  # fmt: skip


TIMES = st.integers(0, 20_000).map(lambda number: number / 1000)
SEGMENTS = st.lists(
    st.tuples(TIMES, TIMES, st.sampled_from(["Good day.", "", "a --> b & <c>", "two\nlines"])),
    max_size=6,
)


@pytest.mark.parametrize("form", LIVE)
@given(drawn=SEGMENTS)
def test_it_is_the_same_text(form: str, drawn: list[tuple[float, float, str]]) -> None:
    segments = sorted(
        (segment(min(a, b), max(a, b), text) for a, b, text in drawn),
        key=lambda each: (each["start"], each["end"]),
    )
    written = live.Captions(form)
    pieces = [written.add(Heard(SOURCE, each, DURATION)) for each in segments]
    pieces.append(written.end(SOURCE))
    assert "".join(pieces) == FORMATS[form](transcript(segments), Layout())


def test_each_file_is_counted_from_one() -> None:
    written = live.Captions("srt")
    first = written.add(Heard(SOURCE, segment(1, 2, "Good day."), DURATION))
    assert first == "1\n00:00:01,000 --> 00:00:02,000\nGood day.\n\n"
    assert written.end(SOURCE) == ""
    assert written.add(Heard(SOURCE, segment(3, 4, "Again."), DURATION)).startswith("1\n")


@pytest.mark.parametrize(
    ("words", "form"),
    [
        ("--format srt", "srt"),
        ("--format vtt", "vtt"),
        ("--format txt", None),  # it has its own way
        ("--format json", None),
        ("--format srt --diarize", None),  # speakers are known at the end
        ("--format srt --channels each", None),
        ("--format srt --max-line-width 40", None),  # a caption may go on with the next words
        ("--format srt -o out", None),
        ("--format srt --json", None),
    ],
)
def test_where_the_captions_of_a_window_are_known(words: str, form: str | None) -> None:
    chosen = live.captions(parse(["talk.wav", *words.split()]))
    assert (chosen.form if chosen else None) == form
