"""Decoding, for both workers: any file that PyAV (FFmpeg) can read, as 16 kHz mono.

Imports PyAV and NumPy only. Neither worker may import the other's libraries: CTranslate2 and
torch each bring a cuDNN, and one process must not hold both.
"""

import contextlib
import math
import os
import tempfile
from pathlib import Path

import av
import av.error
import numpy as np
import truncation

RATE = 16_000  # what Whisper, segmentation and speaker embeddings are trained on


class Undecodable(Exception):
    """The file can't be decoded; `code` for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def decode(path: str) -> tuple[np.ndarray, float | None]:
    """The first audio stream of a file.

    Returns (samples,) int16 at 16 kHz, channels mixed to one. A file that breaks off gives what
    it holds, and then the second value is the seconds that it should last, infinite where it does
    not say that; it is None for a whole file. Raises `Undecodable`.
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
            said, held = _said(path, container, stream), len(samples) / RATE
            return samples, said if said and said - max(1.0, 0.02 * held) > held else None
    except Undecodable:
        raise
    except FileNotFoundError:
        raise Undecodable("audio-missing", "does not exist") from None
    except PermissionError:
        raise Undecodable("audio-unreadable", "may not be read") from None
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise Undecodable("audio-undecodable", f"can't be decoded: {_why(path, error)}") from None


def _said(path: str, container, stream) -> float | None:
    """Seconds that the file says it lasts. FFmpeg goes by the size of a WAV or Ogg file."""
    if container.format.name == "wav" and (promised := truncation.wav_seconds(path)):
        return promised
    if container.format.name == "ogg" and truncation.ogg_breaks_off(path):
        return math.inf
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _why(path: str, error: Exception) -> str:
    if isinstance(error, av.error.InvalidDataError) and truncation.mp4_lacks_index(path):
        return "it breaks off before its index (`moov`), without which nothing is found in it"
    return getattr(error, "strerror", None) or str(error)


def _samples(container, stream) -> np.ndarray:
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
    """(samples,) float32 between -1 and 1."""
    return samples.astype(np.float32) / 32768.0


def hand_over(samples: np.ndarray, directory: str) -> str:
    """Put decoded samples where the other worker reads them; returns the path.

    The file appears whole or not at all. In /dev/shm it never touches a disk.
    """
    handle, path = tempfile.mkstemp(dir=directory, suffix=".s16")
    with os.fdopen(handle, "wb") as stream:
        samples.tofile(stream)
    return path


def take_over(path: str) -> np.ndarray:
    """Read what `hand_over` wrote, and remove it."""
    samples = np.fromfile(path, np.int16)
    Path(path).unlink()
    return samples
