"""Turn frames of any rate, layout and format into samples at 16 kHz, one channel."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import av
import av.error
import numpy as np

from . import channels
from .samples import Samples

RATE = 16_000  # what Whisper, segmentation and speaker embeddings are trained on
BLOCK = RATE  # samples that are mixed at once
SILENCE = 1 << 20  # bytes of it that are appended at once


class Mixdown:
    """The `samples` of one file. A frame that is unlike the one before gets a new resampler.

    `channel`: the only one to take, from 0; None for a mix of all. `gains`: decibels by channel.
    """

    def __init__(
        self, channel: int | None = None, gains: Mapping[int, float] | None = None
    ) -> None:
        self._channel, self._gains = channel, gains or {}
        self.samples = Samples()
        self._kind: tuple[object, ...] | None = None
        self._resampler: Any = None
        self._shares: np.ndarray | None = None  # None: one channel, nothing to mix
        self._levels: list[np.ndarray] = []
        self._reasons: Counter[str] = Counter()  # blocks by why one channel was used
        self.channels = 0  # the most that were seen

    def add(self, frame: Any) -> None:
        """Append one of PyAV's frames; raises `ValueError` for one that makes no sense."""
        kind = (frame.sample_rate, frame.layout.name, frame.format.name)
        if kind != self._kind:
            self.end()
            self._begin(frame.layout)
            self._kind = kind
        frame.pts = None  # places are the timeline's: the resampler would fill in or drop
        for resampled in self._resampler.resample(frame):
            self._append(resampled)

    def silence(self, seconds: float) -> None:
        """Append silence."""
        self.end()
        left = 2 * round(max(0.0, seconds) * RATE)
        while left:
            self.samples.append(bytes(min(left, SILENCE)))
            left -= min(left, SILENCE)

    def end(self) -> None:
        """Append what the resampler still holds."""
        if self._resampler is not None:
            with contextlib.suppress(ValueError, av.error.FFmpegError):  # nothing was put in
                for resampled in self._resampler.resample(None):
                    self._append(resampled)
        self._kind = self._resampler = None

    def quiet_parties(self) -> Mapping[int, float]:
        """Decibels by which a mix must raise channels, so that who speaks there is heard."""
        if self._channel is not None or self._gains or not self._levels:
            return {}
        if len({each.shape[1] for each in self._levels}) > 1:  # it changes in the middle
            return {}
        return channels.gains(np.concatenate(self._levels))

    def alone(self) -> str:
        """The reason why for most of the file one channel was used alone; see `channels.mixed`."""
        reason, blocks = max(self._reasons.items(), key=lambda item: item[1], default=("", 0))
        return reason if blocks * 2 > self._reasons.total() else ""

    def _begin(self, layout: Any) -> None:
        names = [channel.name for channel in layout.channels]
        self.channels = max(self.channels, len(names))
        if len(names) == 1:
            self._shares = None
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            return
        self._shares = channels.weights(names)
        if self._channel is not None:
            self._shares = np.eye(len(names), dtype=np.float32)[min(self._channel, len(names) - 1)]
        # packed: PyAV crashes on planes of eight channels
        self._resampler = av.AudioResampler("s16", layout, RATE, BLOCK)

    def _append(self, resampled: Any) -> None:
        array = resampled.to_ndarray()
        if self._shares is None:
            self.samples.append(array.tobytes())
            return
        block = array.reshape(-1, len(self._shares))
        if self._channel is not None:
            self.samples.append(block[:, self._shares.argmax()].tobytes())
            return
        self.samples.append(self._mix(block.astype(np.float32)).tobytes())

    def _mix(self, block: np.ndarray) -> np.ndarray:
        assert self._shares is not None
        self._levels.append(channels.levels(block))
        for channel, decibels in self._gains.items():
            if channel < block.shape[1]:
                block[:, channel] *= 10 ** (decibels / 20)
        mix, reason = channels.mixed(block, self._shares)
        if mix.any():
            self._reasons[reason] += 1
        return np.clip(np.rint(mix), -32768, 32767).astype(np.int16)
