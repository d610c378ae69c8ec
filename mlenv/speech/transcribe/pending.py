"""A file on its way through the workers: what is known of it so far."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO

from mlenv.result import Problem
from mlenv.speech.transcribe import scratch, speakers
from mlenv.speech.transcribe.events import Warned
from mlenv.speech.transcribe.inputs import Source, State
from mlenv.speech.transcribe.transcript import (
    FileWarning,
    Segment,
    Transcript,
    Turn,
    finite,
    whole_text,
)
from mlenv.speech.workers import losses, windows
from mlenv.speech.workers.windows import Span

WORST = 0.1  # the share of a file that may be unreadable before it counts as failed


@dataclass(slots=True)
class Unfinished:
    """A file under way in the workers, and how it is to be done. Times in seconds.

    `turns` is None until the speakers are known, `exclusive` are the same turns without overlap.
    `problem` is the reason why there are no speakers. `samples` are those that the transcriber
    hands over (`handed_over`: the diarizer has been told), `deaths` counts the workers that ended
    over this file, by name, `heard` is the end of the last segment that was passed on, `before` the
    recording's state when a worker got it.
    `unread` is the share of it that could not be read, `silent` are channels without words,
    `unheard` the places where voice detection hears speech and no words were found, `unmet` is a
    clause about the number of speakers that was asked for, `cancelled`: nobody waits for it.
    """

    source: Source
    options: argparse.Namespace
    duration: float = 0.0
    language: str | None = None
    language_probability: float | None = None
    segments: list[Segment] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    turns: list[Turn] | None = None
    exclusive: list[Turn] = field(default_factory=list)
    transcribed: bool = False
    problem: Problem | None = None
    samples: IO[bytes] | None = None
    deaths: Counter[str] = field(default_factory=Counter)
    heard: float = 0.0
    handed_over: bool = False
    before: State | None = None
    warnings: list[FileWarning] = field(default_factory=list)
    unread: float = 0.0
    silent: list[int] = field(default_factory=list)
    unheard: list[Span] = field(default_factory=list)
    unmet: str | None = None
    cancelled: bool = False

    def restart(self) -> None:
        """Forget the words: another worker finds them anew."""
        self.segments.clear()
        self.before = None

    def new_samples(self) -> str:
        """A path for the transcriber to write its samples to."""
        self.close()
        self.samples = scratch.in_memory("samples")
        return scratch.path_of(self.samples)

    def samples_path(self) -> str | None:
        """The path of the samples that were handed over."""
        return scratch.path_of(self.samples) if self.samples else None

    def close(self) -> None:
        """Give up the samples."""
        if self.samples:
            self.samples.close()
            self.samples = None

    def warn(self, warnings: Iterable[FileWarning]) -> Iterator[Warned]:
        """Keep warnings for the transcript, and yield them for the terminal."""
        for warning in warnings:
            text = f"{self.source.label} {warning['message']}"
            self.warnings.append({**warning, "message": text})
            yield Warned(self.source, text)

    def last_warnings(self) -> Iterator[FileWarning]:
        """The warnings that wait until words and speakers are there."""
        if not self.segments and not self.turns:
            yield losses.warning("no-speech", "holds no speech that could be heard")
        else:
            yield from self._missing_voices()
        for start, end in self._wordless():
            message = f"has speech without words from {start:.1f} to {end:.1f} s"
            yield losses.warning("speech-without-words", message, start, end)
        if grown := self._grown():
            message = f"grew by {grown} bytes while it was read: they are not in the transcript"
            yield losses.warning("grew", message)

    def _missing_voices(self) -> Iterator[FileWarning]:
        if self.silent:
            channels = ", ".join(map(str, self.silent))
            which = f"channel {channels}" if len(self.silent) == 1 else f"channels {channels}"
            yield losses.warning("no-speech", f"holds no speech that could be heard on {which}")
        if self.unmet:
            yield losses.warning("speakers", self.unmet)
        elif self.turns == []:
            yield losses.warning(
                "speakers", "has words and nobody who speaks: they are without speakers"
            )

    def shortfall(self) -> Problem | None:
        """The reason why it counts as failed although it has a transcript; None for a whole one."""
        grown, size = self._grown(), self.before.size if self.before else 0
        share = max(self.unread, grown / (size + grown or 1))
        if share <= WORST:
            return self._words_lost() or self._speakers_unmet()
        message = f"{self.source.label}: {share:.0%} of it could not be read; the rest is written"
        return Problem("audio-incomplete", message)

    def _words_lost(self) -> Problem | None:
        lost = sum(end - start for start, end in self._wordless())
        if lost <= WORST * self.duration:
            return None
        message = f"{self.source.label}: {lost:.1f} s of speech in it have no words"
        return Problem("speech-without-words", message)

    def _speakers_unmet(self) -> Problem | None:
        if not self.unmet or not (self.segments or self.turns):
            return None
        message = f"{self.source.label}: the number of speakers is not met; it is written as heard"
        return Problem("speakers-unmet", message)

    def _wordless(self) -> list[Span]:
        """Places with speech, by voice detection or by the speakers' turns, and without words."""
        if not self.transcribed:
            return []
        heard = [
            (each["start"], each["end"])
            for segment in self.segments
            for each in (segment["words"] or (segment,))
        ]
        turns = [(turn["start"], turn["end"]) for turn in self.exclusive]
        return windows.union([*self.unheard, *windows.unheard(turns, heard)])

    def _grown(self) -> int:
        """Bytes that came to it since a worker got it."""
        now = self.source.state()
        return max(0, now.size - self.before.size) if now and self.before else 0

    def transcript(self, startup: dict[str, float]) -> Transcript:
        """The file's transcript. `startup`: seconds that went by before the first file."""
        turns = self.turns or []
        segments = self.segments
        if self.exclusive:
            segments = speakers.with_speakers(segments, self.exclusive)
        by_start = sorted(turns, key=lambda turn: turn["start"])
        made: Transcript = {
            "path": self.source.shown,
            "text": whole_text(segments, self.language),
            "language": self.language,
            "language_probability": finite(self.language_probability),
            "duration": self.duration,
            "segments": segments,
            "speakers": list(dict.fromkeys(turn["speaker"] for turn in by_start)),
            "turns": turns,
            "timings": {**startup, **self.timings},
            "warnings": self.warnings,
        }
        if uri := self.source.uri:
            made["uri"] = uri
        return made
