"""`mlenv exec transcribe --serve`: a program that stays, and its worker that stays. Stand-ins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from mlenv.result import next_steps
from tests.support import faults

SEGMENT = {"start": 0.0, "end": 1.0, "speaker": None, "words": [], "channel": None}
TWO_SECONDS = 2.0


def document(file: Path, speaker: str | None = None) -> dict[str, Any]:
    """The transcript that the stand-ins make."""
    turns = [{"start": 0.0, "end": 1.0, "speaker": speaker}] if speaker else []
    return {
        "path": str(file), "text": file.stem, "language": "en", "language_probability": None,
        "duration": 1.0, "segments": [{**SEGMENT, "text": file.stem, "speaker": speaker}],
        "speakers": [speaker] if speaker else [], "turns": turns, "timings": {}, "warnings": [],
    }  # fmt: skip


def serve(
    venv: Path, directory: Path, *lines: object, words: tuple[str, ...] = (), **options: Any
) -> subprocess.CompletedProcess[str]:
    """Send all lines at once, and end."""
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    options = {"stdin": None, "input": text, **options}
    return faults.transcribe(venv, directory, "--serve", *words, **options)


def of(stdout: str, name: object) -> list[dict[str, Any]]:
    """Events of one request; without the id."""
    found = [json.loads(line) for line in stdout.splitlines()]
    return [event for event in found if event.pop("id") == name]


def test_each_request_is_answered_with_the_events_of_jsonl_and_its_id(
    plain_venv: Path, tmp_path: Path
) -> None:
    bad = {"transcriber": "transcription-failed"}
    a, _ = faults.write(tmp_path, {"a": {}, "größe": bad})
    done = serve(
        plain_venv,
        tmp_path,
        {"id": "x", "audio": str(a)},
        {"id": 2, "audio": "größe.wav"},
        {"id": "y", "audio": str(a), "diarize": True},
        {"id": "z", "audio": "missing.wav"},
        "nonsense\n",
    )
    ended = {"event": "end", "ok": True, "exit_code": 0, "errors": []}
    segment = {"event": "segment", "path": str(a), **SEGMENT, "text": "a"}
    assert of(done.stdout, "x") == [
        segment,
        {"event": "file", "replaces_segments": False, **document(a)},
        ended,
    ]
    code = "transcription-failed"
    message = f"größe.wav failed: {code}\n{next_steps.of_code(code)}"
    failure = {"code": code, "message": message}
    shown = "größe.wav"
    assert of(done.stdout, 2) == [
        {"event": "segment", "path": shown, **SEGMENT, "text": "größe"},
        {"event": "failed", "path": shown, **failure},
        {"event": "end", "ok": False, "exit_code": 1, "errors": [failure]},
    ]
    assert of(done.stdout, "y") == [
        segment,
        {"event": "file", "replaces_segments": True, **document(a, "SPEAKER_00")},
        ended,
    ]
    absent = "missing.wav does not exist.\nIn this folder there are a.wav, größe.wav."
    failure = {"code": "audio-missing", "message": absent}
    assert of(done.stdout, "z") == [
        {"event": "failed", "path": None, "line": 4, **failure},
        {"event": "end", "ok": False, "exit_code": 1, "errors": [failure]},
    ]
    failure = {
        "code": "request",
        "message": "The line is not JSON: Expecting value at character 0.\n"
        f"{next_steps.of_code('request')}",
    }
    assert of(done.stdout, None) == [
        {"event": "failed", "path": None, "line": 5, **failure},
        {"event": "end", "ok": False, "exit_code": 1, "errors": [], "done": 2, "failed": 3,
         "cancelled": 0},
    ]  # fmt: skip
    assert done.returncode == 1
    assert "error: line 5: The line is not JSON" in done.stderr


def test_it_ends_well_with_its_input(plain_venv: Path, tmp_path: Path) -> None:
    done = serve(plain_venv, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "event": "end", "id": None, "ok": True, "exit_code": 0, "errors": [], "done": 0,
        "failed": 0, "cancelled": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--serve", "a.wav"), "--serve reads what to transcribe from standard input"),
        (("--serve", "-o", "out"), "--serve answers on standard output"),
        (("--serve", "--json"), "--serve answers on standard output"),
        (("--serve", "--format", "srt"), "--serve answers with the lines of jsonl"),
        (("--serve", "--idle-timeout", "0"), "`0` is not one number from 0.001 to 10000000"),
        (("a.wav", "--idle-timeout", "5"), "--idle-timeout is for --serve"),
    ],
)
def test_options_that_make_no_sense_with_it(words: tuple[str, ...], message: str) -> None:
    from mlenv.result import MlenvError
    from mlenv.speech.transcribe.options import parse

    with pytest.raises(MlenvError) as raised:
        parse(words)
    assert message in raised.value.message


class Talk:
    """A caller that writes and reads line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdin and process.stdout
        self.stdin: IO[str] = process.stdin
        self.events: Iterator[dict[str, Any]] = map(json.loads, process.stdout)

    def send(self, **fields: object) -> None:
        self.stdin.write(json.dumps(fields) + "\n")
        self.stdin.flush()

    def until(self, event: str) -> dict[str, Any]:
        return next(each for each in self.events if each["event"] == event)


@pytest.fixture
def talk(plain_venv: Path, tmp_path: Path) -> Iterator[Talk]:
    with subprocess.Popen(
        faults.command(plain_venv, tmp_path, "--serve", "--idle-timeout", "60"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        yield Talk(process)
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_two_seconds_and_answers_all(
    talk: Talk, tmp_path: Path, number: signal.Signals
) -> None:
    faults.write(tmp_path, {"a": {}, "b": {"transcriber": "wait 60"}, "c": {}})
    for name in "abc":
        talk.send(id=name, audio=f"{name}.wav")
    talk.until("file")
    assert talk.until("end")["id"] == "a"
    talk.until("segment")
    began = time.monotonic()
    os.kill(talk.process.pid, number)
    rest = list(talk.events)
    assert talk.process.wait() == 128 + number
    assert time.monotonic() - began < TWO_SECONDS
    ends = [(each["id"], each["exit_code"]) for each in rest if each["event"] == "end"]
    assert ends == [("b", 128 + number), ("c", 128 + number), (None, 128 + number)]
    assert {each["code"] for each in rest if each["event"] == "failed"} == {"interrupted"}


def test_a_request_is_cancelled_and_no_failure(talk: Talk, tmp_path: Path) -> None:
    faults.write(tmp_path, {"a": {"transcriber": "wait 60"}})
    talk.send(id="a", audio="a.wav")
    talk.until("segment")
    talk.send(cancel="a")
    message = f"The request was taken back.\n{next_steps.of_code('cancelled')}"
    cancelled = {"code": "cancelled", "message": message}
    path = {"id": "a", "path": "a.wav"}
    assert talk.until("failed") == {"event": "failed", **path, **cancelled}
    assert talk.until("end")["errors"] == [cancelled]
    talk.stdin.close()
    last = talk.until("end")
    assert (last["ok"], last["done"], last["failed"], last["cancelled"]) == (True, 0, 0, 1)
    assert talk.process.wait() == 0


def test_it_ends_with_its_reader(talk: Talk, tmp_path: Path) -> None:
    faults.write(tmp_path, {"a": {}, "b": {}})
    assert talk.process.stdout
    talk.process.stdout.close()
    talk.send(id="a", audio="a.wav")
    assert talk.process.wait(20) == 128 + signal.SIGPIPE
