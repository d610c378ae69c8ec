"""Decoding anew without chance."""

from __future__ import annotations

from mlenv.speech.workers import fallback


def test_nothing_is_drawn_at_random_and_repetition_is_limited_instead() -> None:
    first = {"beam_size": 5, "patience": 1, "max_length": 448}
    assert fallback.steady(first) == first
    for temperature in (*fallback.TEMPERATURES[1:], 1.0):
        sampled = {
            "beam_size": 1,
            "num_hypotheses": 5,
            "sampling_topk": 0,
            "sampling_temperature": temperature,
            "max_length": 448,
        }
        assert fallback.steady(sampled) == {"max_length": 448, **fallback.LIMITS}
