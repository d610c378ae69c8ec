"""Completion as it is typed: each place of a command line, in bash, zsh and fish on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.terminals import completed

pytestmark = pytest.mark.heavy

# What is typed before TAB: the words of the line behind it, and candidates that are shown.
TYPED = {
    "mlenv exec transcribe ./my:": ("<transcribe><./my:colon.wav>", ()),
    "mlenv exec tr": ("<exec><transcribe>", ()),
    "mlenv exec ": ("<mlenv><exec>", ("transcribe", "diarize")),
    "mlenv exec transcribe --mod": ("<transcribe><--model", ()),
    "mlenv exec transcribe --model ": ("<--model>", ("base", "tiny.en")),
    "mlenv exec transcribe --format ": ("<--format>", ("srt", "vtt", "rttm", "jsonl")),
    "mlenv exec transcribe --format=srt,v": ("<--format=srt,vtt>", ()),
    "mlenv exec transcribe --diarize ta": ("<--diarize><talk.log>", ()),
    "mlenv models pull ": ("<pull>", ("base", "tiny.en", "segmentation-3.0", "campplus")),
    "mlenv models pull camp": ("<pull><campplus>", ()),
    "mlenv explain ": ("<explain>", ("talk.log", "my:colon.wav")),
    "mlenv explain ta": ("<explain><talk.log>", ()),
    "mlenv exec --venv ": ("<exec><--venv><envs", ()),
    "mlenv install --venv ": ("<install><--venv><envs", ()),
    "mlenv doctor --python ta": ("<doctor><--python><talk.log>", ()),
    "mlenv doctor --python envs/": ("<--python><envs/python>", ()),
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_place(shell: str, tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "envs").mkdir(parents=True)
    for name in ("my:colon.wav", "talk.log", "envs/python"):
        (folder / name).touch()
    wanting = {}
    for line, said in zip(TYPED, completed(shell, list(TYPED), folder, home), strict=True):
        words, candidates = TYPED[line]
        absent = [each for each in candidates if each not in said]
        if words not in said or absent:
            wanting[line] = (absent, said[-400:])
    assert not wanting, wanting
