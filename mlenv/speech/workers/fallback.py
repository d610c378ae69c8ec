"""Decode anew where Whisper's first answer for a window fails, without sampling.

Whisper draws its further answers at random (temperatures 0.2 to 1.0), so that each run has other
words. Here a temperature above 0 stands for limits on repetition instead. They are mild: they break
the loops that Whisper runs into, and leave a sentence that is really repeated as it is.
"""

from __future__ import annotations

from typing import Any

# CTranslate2's arguments for the second answer.
LIMITS: dict[str, Any] = {
    "beam_size": 5,
    "repetition_penalty": 1.1,
    "no_repeat_ngram_size": 16,
}
TEMPERATURES = [0.0, 0.2]  # the second stands for them
SAMPLING = ("sampling_temperature", "sampling_topk", "num_hypotheses")


def steady(options: dict[str, Any]) -> dict[str, Any]:
    """Arguments for CTranslate2's `Whisper.generate` that give the same answer each time."""
    if not options.get("sampling_temperature"):
        return options
    return {**{k: v for k, v in options.items() if k not in SAMPLING}, **LIMITS}
