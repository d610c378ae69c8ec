"""Decode any file that PyAV (FFmpeg) can read, as 16 kHz mono, for both workers.

Imports PyAV and NumPy only. Neither worker may import the other's libraries: CTranslate2 and
torch each bring a cuDNN, and one process must not hold both.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from . import truncation

RATE = 16_000  # what Whisper, segmentation and speaker embeddings are trained on


class Undecodable(Exception):
    """The file can't be decoded; `code` for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def decode(path: str) -> tuple[np.ndarray, float | None]:
    """Decode the first audio stream of a file; raises `Undecodable`.

    Returns (samples,) int16 at 16 kHz, channels mixed to one, and None for a whole file. For a
    file that breaks off the second value is the seconds that it should last, infinite where
    the file does not say that.
    """
    try:
        if Path(path).stat().st_size == 0:
            raise Undecodable("audio-empty", "is an empty file")
        options = {"ignore_length": "1"} if truncation.is_open_rf64(path) else {}
        with av.open(path, metadata_errors="ignore", options=options) as container:
            if not container.streams.audio:
                raise Undecodable("audio-undecodable", "holds no audio")
            stream = container.streams.audio[0]
            samples = _samples(container, stream)
            promised, held = _promised(path, container, stream), len(samples) / RATE
            breaks_off = promised and promised - max(1.0, 0.02 * held) > held
            return samples, promised if breaks_off else None
    except Undecodable:
        raise
    except FileNotFoundError:
        raise Undecodable("audio-missing", "does not exist") from None
    except PermissionError:
        raise Undecodable("audio-unreadable", "may not be read") from None
    except (av.error.FFmpegError, ValueError, OSError) as error:
        message = f"can't be decoded: {_reason(path, error)}"
        raise Undecodable("audio-undecodable", message) from None


def _promised(path: str, container: Any, stream: Any) -> float | None:
    """Seconds that the file says it lasts. FFmpeg goes by the size of a WAV or Ogg file."""
    if container.format.name == "wav" and (seconds := truncation.wav_seconds(path)):
        return seconds
    if container.format.name == "ogg" and truncation.ogg_breaks_off(path):
        return math.inf
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _reason(path: str, error: Exception) -> str:
    if isinstance(error, av.error.InvalidDataError) and truncation.mp4_lacks_index(path):
        return "it breaks off before its index (`moov`), without which nothing is found in it"
    return str(getattr(error, "strerror", None) or error)


def _samples(container: Any, stream: Any) -> np.ndarray:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    data = bytearray()
    broken = None
    frames = container.decode(stream)
    while True:
        try:
            frame = next(frames, None)
        except av.error.InvalidDataError as error:  # a damaged packet; the next may be sound
            broken = error
            continue
        if frame is None:
            break
        frame.pts = None  # times that jump would make the resampler fill in or drop
        for resampled in resampler.resample(frame):
            data += resampled.to_ndarray().tobytes()
    with contextlib.suppress(ValueError, av.error.FFmpegError):  # nothing was put in
        for resampled in resampler.resample(None):
            data += resampled.to_ndarray().tobytes()
    if broken and not data:
        raise broken
    return np.frombuffer(data, np.int16)


def as_float(samples: np.ndarray) -> np.ndarray:
    """Convert (samples,) int16 to float32 between -1 and 1."""
    return samples.astype(np.float32) / 32768.0


def hand_over(samples: np.ndarray, path: str) -> str | None:
    """Write decoded samples for the other worker; returns the path, or None without room."""
    try:
        samples.tofile(path)
    except OSError:
        return None
    return path


def take_over(path: str) -> np.ndarray:
    """Read what `hand_over` wrote."""
    return np.fromfile(path, np.int16)
