"""Decode any file that PyAV (FFmpeg) can read, as 16 kHz mono, for both workers.

Imports PyAV and NumPy only. Neither worker may import the other's libraries: CTranslate2 and
torch each bring a cuDNN, and one process must not hold both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import av.error
import numpy as np

from . import truncation
from .losses import Losses, warning
from .mixing import RATE, Mixdown
from .protocol import Decoded
from .reading import Choice, Nonsense, Reading, Unreadable
from .samples import Samples

ALONE = {
    "cancelled": "has channels that cancel each other: the loudest of them is heard alone",
    "low": "has sound on its low-frequency channel only: that is heard, as far as it goes",
}


class Undecodable(Exception):
    """The file can't be decoded; `code` for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Recording:
    """A decoded file: samples at 16 kHz, and what of it is missing.

    `channels`: the most that it has at any time.
    """

    samples: Samples
    losses: Losses
    channels: int = 1

    @property
    def duration(self) -> float:
        """Seconds."""
        return round(len(self.samples) / RATE, 3)

    def event(self, file: int, path: str | None = None) -> Decoded:
        """The event that announces it. `path`: where its samples were handed over."""
        unread = round(self.losses.share(self.duration), 4)
        return Decoded(file, self.duration, list(self.losses.warnings), unread, path)


def decode(path: str, track: Sequence[str] = (), channel: int | None = None) -> Recording:
    """Decode a file; raises `Undecodable`.

    `track`: a number from 1, or codes of a language; the default track without. `channel`: the
    only one to hear, from 0; None for a mix of all.
    """
    _check(path)
    try:
        choice = Choice(tuple(track), channel)
        try:
            reading = Reading(path, choice)
            reading.run()
        except Nonsense:
            choice = replace(choice, timed=False)
            reading = Reading(path, choice)
            reading.run()
        if gains := reading.mixdown.quiet_parties():
            reading = Reading(path, replace(choice, gains=gains))
            reading.run()
    except Unreadable as error:
        raise Undecodable("audio-undecodable", str(error)) from None
    except (av.error.FFmpegError, ValueError, OSError) as error:
        message = f"can't be decoded: {_reason(path, error)}"
        raise Undecodable("audio-undecodable", message) from None
    mixdown = reading.mixdown
    if channel is not None and channel >= mixdown.channels:
        there = f"{mixdown.channels} channel{'s' if mixdown.channels > 1 else ''}"
        raise Undecodable("channel-missing", f"has {there}: there is no channel {channel + 1}")
    mixdown.end()
    found = reading.losses + _guesses(mixdown, gains, timed=choice.timed)
    return Recording(mixdown.samples, found, mixdown.channels)


def channel_of(channels: str) -> int | None:
    """The one channel that is to be decoded first, from 0; None for a mix."""
    return {"mix": None, "each": 0}.get(channels) if not channels.isdecimal() else int(channels) - 1


def _guesses(mixdown: Mixdown, gains: Mapping[int, float], *, timed: bool) -> Losses:
    """Say where times were not believed and channels not simply mixed."""
    found = []
    if not timed:
        message = "has times that make no sense: here they count the sound that was decoded"
        found.append(warning("times", message, 0.0))
    if reason := mixdown.alone():
        found.append(warning("channels", ALONE[reason]))
    for channel, decibels in gains.items():
        message = (
            f"has another party on channel {channel + 1}, {decibels:.0f} dB quieter: it is raised"
        )
        found.append(warning("channels", message))
    return Losses(tuple(found))


def _check(path: str) -> None:
    """Have the system's own word on the file: FFmpeg's errors have the same classes."""
    try:
        with Path(path).open("rb") as stream:
            if not stream.read(1):
                raise Undecodable("audio-empty", "is an empty file")
    except FileNotFoundError:
        raise Undecodable("audio-missing", "does not exist") from None
    except PermissionError:
        raise Undecodable("audio-unreadable", "may not be read") from None
    except OSError as error:
        raise Undecodable("audio-unreadable", f"can't be read: {error.strerror}") from None


def _reason(path: str, error: Exception) -> str:
    if isinstance(error, av.error.InvalidDataError) and truncation.mp4_lacks_index(path):
        return "it breaks off before its index (`moov`), without which nothing is found in it"
    return str(getattr(error, "strerror", None) or error)


def as_float(samples: np.ndarray) -> np.ndarray:
    """Convert (samples,) int16 to float32 between -1 and 1."""
    floats: np.ndarray = samples.astype(np.float32)
    floats /= 32768.0
    return floats


def hand_over(samples: Samples, path: str) -> str | None:
    """Write decoded samples for the other worker; returns the path, or None without room."""
    try:
        with Path(path).open("wb") as stream:
            for block in samples.blocks():
                stream.write(block.data)
    except OSError:
        return None
    return path


def take_over(path: str) -> np.ndarray:
    """Read what `hand_over` wrote."""
    return np.fromfile(path, np.int16)
