"""Which diarization pipeline runs: pyannote's own where it may be read, else an open one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the diarizer is told to load, and the line that says which it is."""

    request: Mapping[str, object]
    note: str
