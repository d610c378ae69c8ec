"""`mlenv exec transcribe` where something goes wrong with some of many files. Stand-in workers."""

from __future__ import annotations

import json
import subprocess
import time
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
    written = sorted(path.name for path in (tmp_path / "out").glob("[!.]*"))
    assert written == ["a.rttm", "a.txt", "b.txt"]


def resumed(venv: Path, directory: Path, *words: str | Path) -> tuple[list[str], list[str], str]:
    """What `--resume` has done and skipped, by name, and standard error."""
    words = ("-o", "out", "--resume", *words)
    done = faults.transcribe(venv, directory, *words)
    document = json.loads(faults.transcribe(venv, directory, "--json", *words).stdout)
    lines = done.stderr.splitlines()
    names = [
        Path(line.partition(": ")[0]).name
        for line in lines
        if ": /" in line and "error" not in line
    ]
    return names, sorted(Path(p).name for p in document["data"]["skipped"]), done.stderr


def test_resume_does_what_is_not_done_and_says_why(plain_venv: Path, tmp_path: Path) -> None:
    a, b = faults.write(tmp_path, {"a": {}, "b": {}})
    assert resumed(plain_venv, tmp_path, a, b)[:2] == (["a.wav", "b.wav"], ["a.wav", "b.wav"])
    assert resumed(plain_venv, tmp_path, a, b)[:2] == ([], ["a.wav", "b.wav"])
    (tmp_path / "out" / "a.txt").write_text("")
    names, skipped, stderr = resumed(plain_venv, tmp_path, a, b)
    assert (names, skipped) == (["a.wav"], ["a.wav", "b.wav"])
    assert stderr.splitlines()[:2] == [
        f"{a} is done again: a.txt is not as it was written",
        "skipped 1 of 2: their transcripts are there, made like this",
    ]
    names, _, stderr = resumed(plain_venv, tmp_path, a, b, "--task", "translate")
    assert names == ["a.wav", "b.wav"]
    assert f"{b} is done again: b.txt was made with other options\n" in stderr


def test_without_speakers_it_is_not_done(plain_venv: Path, tmp_path: Path) -> None:
    (file,) = faults.write(tmp_path, {"a": {"diarizer": "diarization-failed"}})
    assert resumed(plain_venv, tmp_path, file, "--diarize")[:2] == (["a.wav"], [])


def test_a_file_that_is_not_mlenvs_is_kept(plain_venv: Path, tmp_path: Path) -> None:
    (file,) = faults.write(tmp_path, {"a": {}})
    notes = tmp_path / "out" / "a.txt"
    notes.parent.mkdir()
    for number, text in enumerate(("my own notes", "and others"), start=1):
        notes.write_text(text)
        done = faults.transcribe(plain_venv, tmp_path, "-o", "out", file)
        kept = notes.with_name(f"a.txt.old{number if number > 1 else ''}")
        assert (done.returncode, notes.read_text(), kept.read_text()) == (0, "a\n", text)
        assert (
            f"warning: a.txt was there and is not as mlenv wrote it: it is {kept} now\n"
            in done.stderr
        )
    faults.transcribe(plain_venv, tmp_path, "-o", "out", file)
    assert sorted(path.name for path in notes.parent.glob("[!.]*")) == [
        "a.txt", "a.txt.old", "a.txt.old2",
    ]  # fmt: skip


def test_a_recording_that_grows_meanwhile_is_done_again(plain_venv: Path, tmp_path: Path) -> None:
    (file,) = faults.write(tmp_path, {"a": {"transcriber": "wait 2"}})
    command = faults.command(plain_venv, tmp_path, "-o", tmp_path / "out", file)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "stand-in" / "log").exists():
        time.sleep(0.05)
    file.write_text(file.read_text() + "  ")
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 1
    assert stderr.endswith(
        f"error: {file} has changed while it was transcribed: --resume does it again.\n"
    )
    faults.write(tmp_path, {"a": {}})
    assert resumed(plain_venv, tmp_path, file)[:2] == (["a.wav"], ["a.wav"])
