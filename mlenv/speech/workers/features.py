"""Whisper's spectrogram in little memory. Never imports torch."""

from __future__ import annotations

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor

BLOCK = 3000  # frames of 10 ms


class Features(FeatureExtractor):
    """faster-whisper's spectrogram, computed half a minute at a time.

    An hour at once takes 2.5 GiB.
    """

    def __call__(
        self, waveform: np.ndarray, padding: int = 160, chunk_length: int | None = None
    ) -> np.ndarray:
        """(samples,) float32 to (mel bins, frames) float32, as faster-whisper's own."""
        frames = (len(waveform) + padding) // self.hop_length
        if frames <= BLOCK or chunk_length is not None:
            return super().__call__(waveform, padding, chunk_length)
        samples = np.pad(waveform.astype(np.float32, copy=False), (0, padding))
        samples = np.pad(samples, self.n_fft // 2, mode="reflect")
        window = np.hanning(self.n_fft + 1)[:-1].astype(np.float32)
        logarithms = np.empty((len(self.mel_filters), frames), np.float32)
        for first in range(0, frames, BLOCK):
            last = min(first + BLOCK, frames)
            part = samples[first * self.hop_length : (last - 1) * self.hop_length + self.n_fft]
            spectrum = self.stft(
                part, self.n_fft, self.hop_length, window=window, center=False, return_complex=True
            )
            power = np.abs(spectrum.astype(np.complex64)) ** 2
            logarithms[:, first:last] = np.log10(np.maximum(self.mel_filters @ power, 1e-10))
        np.maximum(logarithms, logarithms.max() - 8.0, out=logarithms)
        logarithms += 4.0
        logarithms /= 4.0
        return logarithms
