"""A file on its way through the workers: what is known of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlenv.speech.transcribe import speakers
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.transcript import Segment, Transcript, Turn


@dataclass(slots=True)
class Unfinished:
    """A file under way in the workers. Times in seconds.

    `turns` is None until the speakers are known, `exclusive` are the same turns without overlap.
    """

    source: Source
    duration: float = 0.0
    language: str | None = None
    segments: list[Segment] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    turns: list[Turn] | None = None
    exclusive: list[Turn] = field(default_factory=list)
    transcribed: bool = False

    def transcript(self, startup: dict[str, float]) -> Transcript:
        """The file's transcript. `startup`: seconds that went by before the first file."""
        turns = self.turns or []
        segments = self.segments
        if turns:
            segments = speakers.with_speakers(segments, self.exclusive)
        first_heard = sorted(turns, key=lambda turn: turn["start"])
        return {
            "path": self.source.shown,
            "language": self.language,
            "duration": self.duration,
            "segments": segments,
            "speakers": list(dict.fromkeys(turn["speaker"] for turn in first_heard)),
            "turns": turns,
            "timings": {**startup, **self.timings},
        }
