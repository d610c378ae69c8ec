"""What the workers are told: their environment, and what belongs to a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.speech.transcribe import memory, requests
from mlenv.speech.transcribe.options import parse


def test_the_allocator_keeps_its_blocks_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    for worker in ("transcriber", "diarizer"):
        variables = requests.settings(worker, parse(["a.wav"]))
        assert variables["MALLOC_MMAP_THRESHOLD_"] == "67108864"
        assert "MALLOC_TRIM_THRESHOLD_" not in variables


def test_a_worker_that_stays_gets_with_each_file_what_belongs_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "of_machine", lambda: 5e9)
    words = ["a.wav", "--language", "de", "--track", "2", "--batched", "--diarize"]
    options = parse([*words, "--num-speakers", "2", "--device", "cpu"])
    at_first = requests.transcription(options, Path("/model"), "cpu", 3, stays=True)
    assert (at_first.stays, at_first.options) == (True, {"vad_filter": True})
    assert (at_first.batch_size, at_first.track) == (None, [])
    plain = requests.transcription(options, Path("/model"), "cpu", 3)
    assert requests.about_words(options) == {
        "batch_size": plain.batch_size,
        "options": plain.options,
        "track": plain.track,
        "channels": plain.channels,
    }
    assert requests.about_speakers(options) == {
        "num_speakers": 2,
        "min_speakers": None,
        "max_speakers": None,
        "memory": 5e9,
        "track": ["2"],
        "channels": "mix",
    }
