"""`mlenv exec transcribe` where something goes wrong with some of many files. Stand-in workers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import faults


def test_an_output_that_cannot_be_written_costs_that_file_only(
    plain_venv: Path, tmp_path: Path
) -> None:
    files = faults.write(tmp_path, {"a": {}, "b": {}, "c": {}, "d": {}})
    (tmp_path / "out" / "b.json").mkdir(parents=True)
    (tmp_path / "out" / "c.json").mkdir()
    done = faults.transcribe(plain_venv, tmp_path, "-o", "out", "-f", "txt,json", "--json", *files)
    document = json.loads(done.stdout)
    assert (done.returncode, document["ok"]) == (1, False)
    assert sorted(file["path"] for file in document["data"]["files"]) == [
        f"{tmp_path}/{name}.wav" for name in "ad"
    ]
    assert sorted((error["code"], error["message"]) for error in document["errors"]) == [
        ("not-writable", f"{tmp_path}/{n}.wav: {tmp_path}/out/{n}.json can't be written: "
         "Is a directory.") for n in "bc"
    ]  # fmt: skip
    assert [(tmp_path / "out" / f"{name}.txt").read_text() for name in "ad"] == ["a\n", "d\n"]


def test_a_document_says_what_was_lost(plain_venv: Path, tmp_path: Path) -> None:
    """The words of one file without its speakers, and nothing of another."""
    wrong = {"b": {"diarizer": "SIGSEGV"}, "c": {"transcriber": "SIGSEGV"}}
    files = faults.write(tmp_path, {"a": {}, **wrong})
    words = ("-o", "out", "-f", "txt,rttm", "--diarize", "--json")
    done = faults.transcribe(plain_venv, tmp_path, *words, *files)
    document = json.loads(done.stdout)
    assert (done.returncode, document["exit_code"]) == (1, 1)
    assert {file["path"][-5]: file["speakers"] for file in document["data"]["files"]} == {
        "a": ["SPEAKER_00"],
        "b": [],
    }
    assert sorted(error["message"].partition(" The")[0] for error in document["errors"]) == [
        f"{tmp_path}/b.wav is written without speakers: diarization ended two workers and is put "
        "aside.",
        f"{tmp_path}/c.wav ended two workers and is put aside.",
    ]
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["a.rttm", "a.txt", "b.txt"]
