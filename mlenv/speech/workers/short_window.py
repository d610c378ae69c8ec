"""Short speech in a short window: an option, off by default.

Runs inside the environment; imports nothing of mlenv and never torch.
"""

import threading

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel

WHOLE = 3000  # frames of 10 ms in the window that Whisper's encoder was trained on
SHORTEST, STEP = 1000, 100
SILENCE = 500  # frames after the speech without which words repeat


class FittedModel(WhisperModel):
    """Encodes short speech in a window that fits it, not in 30 seconds that are mostly silence.

    The positions behind the speech were never seen cut off in training. Where the text comes out
    unlikely, repetitive or behind the end, the same speech is done again in the whole window.
    """

    _seen = threading.local()  # each file is transcribed by a thread of its own

    def encode(self, features: np.ndarray) -> ctranslate2.StorageView:
        self._seen.features = features
        filled = np.flatnonzero(features.any(axis=-2))
        frames = self._seen.frames = int(filled[-1]) + 1 if filled.size else 0
        self._seen.fitted = min(WHOLE, -(-max(frames + SILENCE, SHORTEST) // STEP) * STEP)
        return super().encode(np.ascontiguousarray(features[..., : self._seen.fitted]))

    def generate_with_fallback(self, encoder_output, prompt, tokenizer, options):
        if self._seen.fitted == WHOLE:
            return super().generate_with_fallback(encoder_output, prompt, tokenizer, options)
        temperatures, options.temperatures = options.temperatures, options.temperatures[:1]
        try:
            found = super().generate_with_fallback(encoder_output, prompt, tokenizer, options)
        finally:
            options.temperatures = temperatures
        result, likely, _, repetitive = found
        begin = tokenizer.timestamp_begin
        last = max(
            (token - begin for token in result.sequences_ids[0] if token >= begin), default=0
        )
        if last * 2 > self._seen.frames + 100:  # words a second behind the end: of nothing
            likely = -np.inf
        if likely >= (options.log_prob_threshold or -1.0) and repetitive <= (
            options.compression_ratio_threshold or 2.4
        ):
            return found
        whole = super().encode(self._seen.features)
        return super().generate_with_fallback(whole, prompt, tokenizer, options)
