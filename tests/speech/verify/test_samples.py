"""The speech that ships: what is said about it is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.speech.verify import samples
from tests.support.places import DATA
from tests.support.speech import reference


def test_the_truth_fits_the_audio() -> None:
    truth = samples.truth()
    header = samples.CONVERSATION.read_bytes()[:42]
    assert header[:4] == b"fLaC"
    rate = int.from_bytes(header[18:21], "big") >> 4
    length = int.from_bytes(header[21:26], "big") & ((1 << 36) - 1)
    assert rate == truth["sample_rate"] == 16_000
    assert round(length / rate, 3) == truth["duration"]
    assert samples.CONVERSATION.stat().st_size < 1_000_000


def test_turns_follow_each_other_and_six_speakers_take_them() -> None:
    turns = samples.truth()["turns"]
    assert len({turn["speaker"] for turn in turns}) == 6
    times = [time for turn in turns for span in turn["speech"] for time in span]
    assert times == sorted(times)
    assert all(turn["start"] == turn["speech"][0][0] for turn in turns)
    assert all(turn["end"] == turn["speech"][-1][1] for turn in turns)
    assert times[-1] < samples.truth()["duration"]


def test_the_words_are_those_of_the_utterances() -> None:
    known = {row["speaker"]: row["text"] for row in reference()}
    assert all(known[turn["speaker"]] == turn["text"] for turn in samples.truth()["turns"])


@pytest.mark.parametrize("folder", [DATA, samples.CONVERSATION.parent])
def test_the_attribution_that_the_licence_asks_for(folder: Path) -> None:
    said = (folder / "ATTRIBUTION.md").read_text()
    assert "LibriSpeech" in said
    assert "CC BY 4.0" in said
    assert "https://creativecommons.org/licenses/by/4.0/" in said
