"""Parts of one list that several processes do: each recording is in exactly one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.result import MlenvError, Problem
from mlenv.speech.transcribe import parts
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.values import Part

FILES = [Source(Path(f"/talks/{n}.wav"), f"{n}.wav", Path(f"{n}.wav")) for n in range(1000)]


def test_each_recording_is_in_one_part_and_parts_are_of_a_size() -> None:
    cut = [[file for file in FILES if parts.holds(Part(n, 8), file)] for n in range(1, 9)]
    assert sorted((file for part in cut for file in part), key=FILES.index) == FILES
    assert min(map(len, cut)) > 90
    assert max(map(len, cut)) < 160
    assert all(parts.holds(None, file) for file in FILES)


def test_what_is_not_there_is_told_of_in_one_part_only() -> None:
    gone = Problem("audio-missing", "gone.wav does not exist.", "gone.wav")
    assert sum(parts.holds(Part(n, 8), gone) for n in range(1, 9)) == 1


@pytest.mark.parametrize("word", ["0/4", "5/4", "1", "1/", "a/b", "-1/4", "1/0", "1.5/4"])
def test_a_part_is_one_of_as_many(word: str) -> None:
    with pytest.raises(MlenvError) as caught:
        parse(["a.wav", f"--part={word}"])
    assert caught.value.message == (f"--part: `{word}` is not K/N, part K of N, from 1/N to N/N.")
    assert parse(["a.wav", "--part", "4/4"]).part == (4, 4)


def test_a_service_has_no_parts() -> None:
    with pytest.raises(MlenvError, match="leave out --part"):
        parse(["--serve", "--part", "1/4"])
