"""Events of a transcription job."""

from __future__ import annotations

from dataclasses import dataclass

from mlenv.result import Problem
from mlenv.speech.transcribe.inputs import Source, State
from mlenv.speech.transcribe.transcript import Segment, Transcript


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know: which device and pipeline, what was not as asked for."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """A segment, as soon as it is there; without its speaker where one is still looked for."""

    source: Source
    segment: Segment
    duration: float


@dataclass(frozen=True, slots=True)
class Progress:
    """So many seconds of a file are through."""

    source: Source
    at: float
    duration: float


@dataclass(frozen=True, slots=True)
class Warned:
    """Something of a file is lost, guessed or left out: one line, which is no note."""

    source: Source
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """One file is through.

    `problem`: the reason why it counts as failed all the same (speakers are lacking, too much could
    not be read). `before`: its state when a worker got it. `sha256`: the recording's, where the
    worker was on another machine and has read it there.
    """

    source: Source
    transcript: Transcript
    problem: Problem | None = None
    before: State | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """One file could not be done."""

    source: Source
    problem: Problem


Event = Note | Heard | Progress | Warned | Finished | Failed
