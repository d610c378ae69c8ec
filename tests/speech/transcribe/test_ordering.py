"""Files that end out of order are told of in order."""

from __future__ import annotations

from pathlib import Path

from mlenv.result import Problem
from mlenv.speech.transcribe.events import Event, Failed, Finished, Heard, Note, Progress
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.ordering import in_order
from mlenv.speech.transcribe.transcript import Segment, Transcript

A, B, C = (Source(Path(name), name, Path(name)) for name in "abc")


def heard(source: Source, text: str) -> Heard:
    segment: Segment = {
        "start": 0.0, "end": 1.0, "text": text, "speaker": None, "words": [], "channel": None,
    }  # fmt: skip
    return Heard(source, segment, 1.0)


def finished(source: Source) -> Finished:
    transcript: Transcript = {
        "path": source.shown,
        "text": "",
        "language": "en",
        "language_probability": None,
        "duration": 1.0,
        "segments": [],
        "speakers": [],
        "turns": [],
        "timings": {},
        "warnings": [],
    }
    return Finished(source, transcript)


def test_what_later_files_say_waits_and_notes_do_not() -> None:
    failed = Failed(C, Problem("audio-empty", "c is an empty file"))
    note, progress = Note("on cpu"), Progress(B, 0.5, 1.0)
    events: list[Event] = [
        heard(B, "b1"),
        note,
        failed,
        heard(A, "a1"),
        progress,
        heard(B, "b2"),
        heard(A, "a2"),
        finished(B),
        finished(A),
    ]
    assert list(in_order(events, [A, B, C])) == [
        note,
        heard(A, "a1"),
        progress,
        heard(A, "a2"),
        finished(A),
        heard(B, "b1"),
        heard(B, "b2"),
        finished(B),
        failed,
    ]


def test_the_first_file_is_heard_as_it_speaks() -> None:
    happening = in_order(iter([heard(A, "a1"), heard(B, "b1"), finished(A)]), [A, B])
    assert next(happening) == heard(A, "a1")
    assert list(happening) == [finished(A), heard(B, "b1")]
