"""`mlenv exec transcribe` where something goes wrong with some of many files. Stand-in workers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from mlenv.result import next_steps
from tests.support import faults, tally


def test_an_output_that_cannot_be_written_costs_that_file_only(
    plain_venv: Path, tmp_path: Path
) -> None:
    files = faults.write(tmp_path, {"a": {}, "b": {}, "c": {}, "d": {}})
    (tmp_path / "out" / "b.json").mkdir(parents=True)
    (tmp_path / "out" / "c.json").mkdir()
    done = faults.transcribe(plain_venv, tmp_path, "-o", "out", "-f", "txt,json", "--json", *files)
    document = json.loads(done.stdout)
    tally.document(files, document)
    assert (done.returncode, document["ok"]) == (1, False)
    assert sorted(file["path"] for file in document["data"]["files"]) == [
        f"{tmp_path}/{name}.wav" for name in "ad"
    ]
    assert sorted((error["code"], error["message"]) for error in document["errors"]) == [
        ("not-writable", f"{tmp_path}/{n}.wav: {tmp_path}/out/{n}.json can't be written: "
         "Is a directory.\nIt is a folder: name a file.") for n in "bc"
    ]  # fmt: skip
    assert [(tmp_path / "out" / f"{name}.txt").read_text() for name in "ad"] == ["a\n", "d\n"]


def test_a_document_says_what_was_lost(plain_venv: Path, tmp_path: Path) -> None:
    """The words of one file without its speakers, and nothing of another."""
    wrong = {"b": {"diarizer": "SIGSEGV"}, "c": {"transcriber": "SIGSEGV"}}
    files = faults.write(tmp_path, {"a": {}, **wrong})
    words = ("-o", "out", "-f", "txt,rttm", "--diarize", "--json")
    done = faults.transcribe(plain_venv, tmp_path, *words, *files)
    document = json.loads(done.stdout)
    tally.document(files, document)
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


CPU = "transcribing on cpu in int8 (asked for)"
SEGMENT = {"start": 0.0, "end": 1.0, "speaker": None, "words": [], "channel": None}


def streamed(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_json_lines_tell_of_each_file_and_of_the_end(plain_venv: Path, tmp_path: Path) -> None:
    a, b = faults.write(tmp_path, {"a": {}, "b": {"transcriber": "transcription-failed"}})
    done = faults.transcribe(plain_venv, tmp_path, "-f", "jsonl", "missing.wav", a, b)
    gone = "missing.wav"
    message = "missing.wav does not exist.\nIn this folder there are a.wav, b.wav."
    missing = {"code": "audio-missing", "path": gone, "message": message}
    code = "transcription-failed"
    step = next_steps.of_code(code)
    failed = {"code": code, "path": str(b), "message": f"{b} failed: {code}\n{step}"}
    segment = {**SEGMENT, "text": "a"}
    file = {
        "path": str(a), "text": "a", "language": "en", "language_probability": None,
        "duration": 1.0, "segments": [segment], "speakers": [], "turns": [], "timings": {},
        "warnings": [],
    }  # fmt: skip
    assert done.returncode == 1
    assert streamed(done.stdout) == [
        {"event": "failed", **missing},
        {"event": "segment", "path": str(a), **segment},
        {"event": "file", "replaces_segments": False, **file},
        {"event": "segment", "path": str(b), **SEGMENT, "text": "b"},
        {"event": "failed", **failed},
        {"event": "end", "ok": False, "exit_code": 1, "errors": [missing, failed], "notes": [CPU]},
    ]


def test_json_lines_end_also_where_nothing_could_be_done(plain_venv: Path, tmp_path: Path) -> None:
    (file,) = faults.write(tmp_path, {"a": {}})
    (tmp_path / "stand-in").mkdir()
    (tmp_path / "stand-in" / "no-transcriber").touch()
    done = faults.transcribe(plain_venv, tmp_path, "-f", "jsonl", file)
    (end,) = streamed(done.stdout)
    assert (done.returncode, end["event"], end["exit_code"]) == (1, "end", 1)
    assert [error["code"] for error in end["errors"]] == ["worker-died"]
    assert end["notes"] == []
    assert done.stderr.startswith(f"error: {end['errors'][0]['message']}")
    with Path("/dev/full").open("w") as full:
        done = faults.transcribe(
            plain_venv, tmp_path, "-f", "jsonl", file, capture_output=False, stdout=full,
            stderr=subprocess.PIPE,
        )  # fmt: skip
    assert done.returncode == 1
    assert "Standard output can't be written to: No space left on device." in done.stderr


def test_json_lines_whose_speakers_come_later_say_so(plain_venv: Path, tmp_path: Path) -> None:
    (file,) = faults.write(tmp_path, {"a": {}})
    done = faults.transcribe(plain_venv, tmp_path, "-f", "jsonl", "--diarize", file)
    first, last, end = streamed(done.stdout)
    assert (first["speaker"], last["replaces_segments"]) == (None, True)
    assert [segment["speaker"] for segment in last["segments"]] == ["SPEAKER_00"]
    assert end == {"event": "end", "ok": True, "exit_code": 0, "errors": [], "notes": end["notes"]}
    assert CPU in end["notes"]


def test_a_number_of_speakers_that_is_not_met(plain_venv: Path, tmp_path: Path) -> None:
    (file,) = faults.write(tmp_path, {"a": {}})
    words = ("--diarize", "--num-speakers", "5", file)
    clause = (
        f"{file} has 1 speaker that can be told apart by voice, and --num-speakers 5 was asked for"
    )
    message = f"{file}: the number of speakers is not met; it is written as heard"
    message += f"\n{next_steps.of_code('speakers-unmet')}"
    done = faults.transcribe(plain_venv, tmp_path, "--quiet", *words)
    assert (done.returncode, done.stdout) == (1, "SPEAKER_00: a\n")
    assert done.stderr == f"warning: {clause}\nerror: {message}\n"
    document = json.loads(faults.transcribe(plain_venv, tmp_path, "--json", *words).stdout)
    assert (document["ok"], document["exit_code"]) == (False, 1)
    problem = {"code": "speakers-unmet", "path": str(file), "message": message}
    assert document["errors"] == [problem]
    (found,) = document["data"]["files"]
    assert found["warnings"] == [
        {"code": "speakers", "message": clause, "start": None, "end": None}
    ]


def test_names_are_of_one_recording(plain_venv: Path, tmp_path: Path) -> None:
    a, b = faults.write(tmp_path, {"a": {}, "b": {}})
    done = faults.transcribe(plain_venv, tmp_path, "--diarize", a, b)
    assert done.returncode == 0
    by_file = (
        "speakers are named in each file by who speaks first there: SPEAKER_00 of one file need "
        "not be that of another"
    )
    assert f"{by_file}\n" in done.stderr
    done = faults.transcribe(plain_venv, tmp_path, "--diarize", "--json", a, b)
    assert by_file in json.loads(done.stdout)["data"]["notes"]
    done = faults.transcribe(plain_venv, tmp_path, "--diarize", "--json", a)
    assert by_file not in json.loads(done.stdout)["data"]["notes"]
    done = faults.transcribe(plain_venv, tmp_path, "--diarize", "--speaker-names", "Ann", a, b)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: --speaker-names is for one recording, and 2 are named: the order in which speakers "
        "first speak is another in each.",
        "Run it once for each recording, or leave the names out: SPEAKER_00 and so on.",
    ]


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
        f"error: {file} has changed while it was transcribed.\n"
        "Wait until it is written, then run the same with --resume: it does this file again.\n"
    )
    faults.write(tmp_path, {"a": {}})
    assert resumed(plain_venv, tmp_path, file)[:2] == (["a.wav"], ["a.wav"])


def test_a_name_that_is_not_utf_8_is_found_again(plain_venv: Path, tmp_path: Path) -> None:
    faults.write(tmp_path, {"a": {}, "b": {"transcriber": "transcription-failed"}})
    names = [os.fsdecode(name) for name in (b"caf\xe9.wav", b"\xff%.wav", b"gone\xe9.wav")]
    for old, new in zip("ab", names[:2], strict=True):
        (tmp_path / f"{old}.wav").rename(tmp_path / new)
    (tmp_path / "plain.wav").write_text("{}")
    done = faults.transcribe(plain_venv, tmp_path, "--json", *names, "plain.wav")
    document = json.loads(done.stdout)
    found = [*document["data"]["files"], *document["errors"]]
    assert [each["path"] for each in found] == [
        "caf\ufffd.wav", "plain.wav", "gone\ufffd.wav", "\ufffd%.wav",
    ]  # fmt: skip
    uris = [each.get("uri") for each in found]
    assert uris[1] is None
    raw = [urllib.parse.unquote_to_bytes(uri.removeprefix("file://")) for uri in uris if uri]
    assert raw == [os.fsencode(tmp_path / names[number]) for number in (0, 2, 1)]
    done = faults.transcribe(plain_venv, tmp_path, "-f", "jsonl", names[0], names[1])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["uri"] for line in lines if line["event"] != "end"} == {uris[0], uris[3]}


ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}


@pytest.mark.parametrize("env", [{}, ASCII], ids=["utf-8", "ascii"])
def test_names_of_any_bytes_in_any_locale(
    plain_venv: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    names = ["größe", "g\u0308", "звук", "two\nlines", "-n", os.fsdecode(b"caf\xe9"), "x" * 251]
    (tmp_path / "in").mkdir()
    faults.write(tmp_path / "in", {name: {} for name in names})
    done = faults.transcribe(plain_venv, tmp_path, "-o", "out", "in", env=env)
    assert (done.returncode, done.stderr.count(": /")) == (0, len(names))
    written = {path.name for path in (tmp_path / "out").glob("[!.]*")}
    assert {name for name in names if f"{name}.txt" not in written} == {"x" * 251}
    again = faults.transcribe(plain_venv, tmp_path, "-o", "out", "--resume", "in", env=env)
    assert "skipped 7 of 7: " in again.stderr


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "gr\\xf6\\xdfe \\u0437"), ("latin-1", "größe \\u0437")]
)
def test_letters_that_standard_output_lacks(
    plain_venv: Path, tmp_path: Path, encoding: str, shown: str
) -> None:
    files = faults.write(tmp_path, {"größe з": {}, "b": {}})
    env = {"PYTHONIOENCODING": encoding}
    done = faults.transcribe(plain_venv, tmp_path, *files, env=env, text=False)
    assert (done.returncode, done.stdout.decode(encoding)) == (
        0,
        f"==> {tmp_path}/{shown}.wav <==\n{shown}\n==> {tmp_path}/b.wav <==\nb\n",
    )
    assert done.stderr.decode(encoding).count("letters that it lacks are written as") == 1
    for form, key in (("--format=jsonl", "path"), ("--json", "data")):
        done = faults.transcribe(plain_venv, tmp_path, form, files[0], env=env, text=False)
        assert done.stdout.isascii()
        document = json.loads(done.stdout.splitlines()[0] if key == "path" else done.stdout)
        path = document["path"] if key == "path" else document["data"]["files"][0]["path"]
        assert path == str(files[0])


def shell(venv: Path, directory: Path, line: str, *words: str | Path) -> tuple[int, str, str]:
    """Run `$T`, the transcription of these words, as a shell's command line has it."""
    command = faults.command(venv, directory, *words)
    done = subprocess.run(
        ["bash", "-c", line.replace("$T", '"$@"'), "bash", *command],
        cwd=directory, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_streams_that_are_closed(plain_venv: Path, tmp_path: Path) -> None:
    (file,) = faults.write(tmp_path, {"a": {}})
    assert shell(plain_venv, tmp_path, "$T 2>&-", file) == (0, "a\n", "")
    code, _, stderr = shell(plain_venv, tmp_path, "$T >&-", "--quiet", file)
    assert (code, stderr.splitlines()[0]) == (
        1, "error: Standard output can't be written to: Bad file descriptor.",
    )  # fmt: skip
    code, _, stderr = shell(plain_venv, tmp_path, "$T >&-", "--json", file)
    assert (code, stderr) == (
        1, "error: standard output can't be written to: Bad file descriptor.\n",
    )  # fmt: skip
    code, stdout, stderr = shell(plain_venv, tmp_path, "$T <&-", "--quiet", "-", file)
    assert (code, stdout) == (1, f"==> {file} <==\na\n")
    assert stderr == (
        "error: Standard input is closed.\n"
        "Name a recording that is there, or a folder that holds some.\n"
    )
    assert shell(plain_venv, tmp_path, "$T <&- >&- 2>&-", "-o", "out", file) == (0, "", "")
    assert (tmp_path / "out" / "a.txt").read_text() == "a\n"


def test_pipes(plain_venv: Path, tmp_path: Path) -> None:
    """The stand-in finds what the pipes hold: the name that it fails with."""
    os.mkfifo(tmp_path / "f.wav")
    line = (
        'echo \'{"transcriber": "of-the-fifo"}\' > f.wav & '
        '$T <(echo \'{"transcriber": "of-the-shell"}\') <<< \'{"transcriber": "of-stdin"}\''
    )
    code, _, stderr = shell(plain_venv, tmp_path, line, "--quiet", "f.wav", "/dev/stdin")
    assert code == 1
    assert re.fullmatch(
        "error: f.wav failed: of-the-fifo\n"
        "error: /dev/stdin failed: of-stdin\n"
        "error: /dev/fd/[0-9]+ failed: of-the-shell\n",
        stderr,
    )


def test_what_is_passed_over_is_told(plain_venv: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    faults.write(tmp_path / "in", {"a": {}})
    for name in ("b.srt", "c.srt", "d.jpg"):
        (tmp_path / "in" / name).write_text("words")
    (tmp_path / "in" / "half.part").write_bytes(b"fLaC")
    (tmp_path / "in" / "more").mkdir()
    done = faults.transcribe(plain_venv, tmp_path, "-o", "out", "in", "*.flac")
    assert done.returncode == 1
    assert done.stderr.splitlines()[:5] == [
        "error: No file matches *.flac.",
        "No recording is in this folder: name the file with its path.",
        "passed over 4 files that are no recordings (.srt 2, .jpg 1, .part 1)",
        "did not look into 1 folder below: --recursive does",
        "warning: not looked into, though they may be recordings: in/half.part; name them to have "
        "them done",
    ]
    done = faults.transcribe(plain_venv, tmp_path, "--json", "in")
    assert json.loads(done.stdout)["data"]["passed_over"] == ["in/half.part", "in/more/"]


def test_parts_of_one_list_together_are_the_whole(plain_venv: Path, tmp_path: Path) -> None:
    """Three processes at once write what one would, though names are there twice."""
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        faults.write(tmp_path / folder, {name: {} for name in "abcdefgh"})
    faults.write(tmp_path / "tuesday", {"bad": {"transcriber": "transcription-failed"}})
    names = [*sorted(tmp_path.glob("*day/*.wav")), tmp_path / "gone.wav"]
    (tmp_path / "list").write_text("".join(f"{name}\n" for name in names))
    words = ("--files-from", "list", "--resume", "--json")
    alone = json.loads(faults.transcribe(plain_venv, tmp_path, *words, "-o", "alone").stdout)
    commands = [
        faults.command(plain_venv, tmp_path, *words, "-o", "parts", "--part", f"{n}/3")
        for n in (1, 2, 3)
    ]
    running = [
        subprocess.Popen(each, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for each in commands
    ]
    documents = [json.loads(process.communicate()[0]) for process in running]
    done = [file["path"] for document in documents for file in document["data"]["files"]]
    assert sorted(done) == sorted(file["path"] for file in alone["data"]["files"])
    errors = [error for document in documents for error in document["errors"]]
    assert sorted(map(str, errors)) == sorted(map(str, alone["errors"]))
    assert len(done) + len(errors) == len(names)
    notes = [note for document in documents for note in document["data"]["notes"]]
    told = [match for note in notes if (match := re.match(r"part (\d) of 3: (\d+) of 17", note))]
    assert [match[1] for match in told] == ["1", "2", "3"]
    assert sum(int(match[2]) for match in told) == 17
    written = {
        place: {
            str(path.relative_to(tmp_path / place)): path.read_bytes()
            for path in (tmp_path / place).rglob("*.txt")
        }
        for place in ("alone", "parts")
    }
    assert len(written["alone"]) == 16
    assert written["parts"] == written["alone"]
