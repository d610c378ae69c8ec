"""Undocumented attributes: what is missing is noticed and said in one line."""

from __future__ import annotations

from types import SimpleNamespace

from mlenv.speech.workers import inner


def test_attributes_that_are_missing_are_named() -> None:
    model = SimpleNamespace(feature_extractor=1, model=2)
    assert inner.missing(model, inner.WHISPER_MODEL) == ("feat_kwargs",)
    assert inner.missing(model, ("model",)) == ()


def test_the_line_for_people() -> None:
    assert inner.note(
        "faster-whisper", ("feat_kwargs", "model"), "long files take more memory"
    ) == ("this version of faster-whisper has no feat_kwargs, model: long files take more memory")
