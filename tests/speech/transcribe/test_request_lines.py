"""Requests as JSON lines, and what is wrong with those that can't be done."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from queue import SimpleQueue

import pytest

from mlenv.speech.transcribe import request_lines
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.request_lines import Cancel, Malformed, Request, parse_line
from mlenv.speech.transcribe.worker_process import Inbox, Line

DEFAULTS = ["--model=tiny.en", "--language=en"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").touch()


def request(**fields: object) -> Request:
    line = Line(7, json.dumps({"id": "x", "audio": "a.wav", **fields}).encode())
    wish = parse_line(line, DEFAULTS)
    assert isinstance(wish, Request), wish
    return wish


def test_a_request_is_a_command_line_of_its_own() -> None:
    fields = {
        "beam_size": 3, "word-timestamps": True, "vad_filter": False, "diarize": True,
        "speaker_names": ["Ann", "Bob"], "clip-timestamps": [0, 1.5], "language": "German",
        "seed": None, "initial_prompt": "--serve, \"quoted\"\n", "no_speech_threshold": "off",
    }  # fmt: skip
    wish = request(**fields)
    words = [
        "--model", "tiny.en", "--beam-size", "3", "--word-timestamps", "--vad-filter", "False",
        "--diarize", "--speaker-names", "Ann,Bob", "--clip-timestamps", "0,1.5",
        "--language", "de", "--initial-prompt", "--serve, \"quoted\"\n",
        "--no-speech-threshold", "off", "--format", "jsonl", "a.wav",
    ]  # fmt: skip
    assert wish.options == parse(words)
    assert (wish.id, wish.number, wish.source.shown) == ("x", 7, "a.wav")


def test_a_request_overrides_the_defaults_and_leaves_the_others() -> None:
    assert (request(model="base").options.model, request(model="base").options.language) == (
        "base",
        "en",
    )


def test_words_of_the_run_are_no_defaults() -> None:
    words = "--serve --idle-timeout 5 --quiet --format jsonl --model base --threads=2 --diarize"
    defaults = request_lines.defaults(parse(words.split()))
    assert defaults == ["--model=base", "--threads=2", "--diarize=true"]


def test_a_name_that_looks_like_an_option_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "--serve").touch()
    assert request(audio="--serve").source.file == tmp_path / "--serve"


def test_a_name_may_hold_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.wav")
    (tmp_path / name).touch()
    assert request(audio=name).source.file == tmp_path / name


def test_cancel() -> None:
    assert parse_line(Line(1, b'{"cancel": 3}'), []) == Cancel(3)


WRONG: dict[str, tuple[bytes | None, object, str]] = {
    "too long": (None, None, "The line is longer than 1 MiB."),
    "no JSON": (b"transcribe a.wav", None, "The line is not JSON: Expecting value at character 0."),
    "cut": (b'{"id": 1', None, "The line is not JSON: Expecting ',' delimiter at character 8."),
    "no object": (b"[1]", None, "The line is no JSON object."),
    "not UTF-8": (
        b'{"id": "\xff"}', None, "The line is not UTF-8: invalid start byte at byte 8."
    ),
    "nested": (b"[" * 100_000, None, "The line is not JSON that can be read: "),
    "digits": (b'{"id": ' + b"9" * 5000, None, "The line is not JSON that can be read: "),
    "no id": (b'{"audio": "a.wav"}', None, "The request has no `id`, a string or a whole number"),
    "null": (b'{"id": null}', None, "The request has no `id`"),
    "true": (b'{"id": true}', None, "The request has no `id`"),
    "half": (b'{"id": 1.5}', None, "The request has no `id`"),
    "no audio": (b'{"id": 1}', 1, "The request has no `audio`, the path of one recording."),
    "number": (b'{"id": 1, "audio": 5}', 1, "The request has no `audio`"),
    "missing": (b'{"id": 1, "audio": "b.wav"}', 1, "b.wav does not exist."),
    "nul": (b'{"id": 1, "audio": "a\\u0000"}', 1, "a\\x00 does not exist."),
    "no name": (b'{"id": 1, "audio": "\\ud800"}', 1, 'audio is "\\ud800", which no file can be'),
    "folder": (b'{"id": 1, "audio": "."}', 1, ". is a folder."),
    "pattern": (b'{"id": 1, "audio": "*.wav"}', 1, "*.wav does not exist."),
    "stream": (b'{"id": 1, "audio": "/dev/stdin"}', 1, "/dev/stdin is no file that can be read"),
    "dash": (b'{"id": 1, "audio": "-"}', 1, "- does not exist."),
    "unknown": (
        b'{"id": 1, "audio": "a.wav", "beam_sise": 5}', 1,
        "There is no option --beam-sise. Did you mean --beam-size?",
    ),
    "odd name": (b'{"id": 1, "audio": "a.wav", "a=b": 5}', 1, 'There is no option "a=b".'),
    "value": (
        b'{"id": 1, "audio": "a.wav", "beam_size": 0}', 1,
        "--beam-size: `0` is not a whole number above 0.",
    ),
    "true for a number": (
        b'{"id": 1, "audio": "a.wav", "beam_size": true}', 1,
        "--beam-size: `true` is not a whole number above 0.",
    ),
    "object": (
        b'{"id": 1, "audio": "a.wav", "language": {}}', 1,
        "language is {}: it takes a string, a number, true or false.",
    ),
    "of the run": (
        b'{"id": 1, "audio": "a.wav", "output_dir": "o"}', 1,
        "--output-dir is not for one request.",
    ),
    "help": (b'{"id": 1, "audio": "a.wav", "help": true}', 1, "--help is not for one request"),
    "alias": (b'{"id": 1, "audio": "a.wav", "output_format": "srt"}', 1, "--format is not for one"),
    "token": (b'{"id": 1, "audio": "a.wav", "hf_token": "x"}', 1, "A token does not belong on"),
    "rule": (
        b'{"id": 1, "audio": "a.wav", "num_speakers": 2}', 1,
        "--num-speakers is about who speaks when: add --diarize.",
    ),
    "twice": (b'{"id": 1, "id": 2, "audio": "a.wav"}', None, "`id` is in the request twice."),
    "cancel and more": (b'{"cancel": 1, "id": 2}', 2, "A request to cancel has an id, and"),
    "cancel nothing": (b'{"cancel": null}', None, "A request to cancel has an id, and"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said(kind: str) -> None:
    content, name, message = WRONG[kind]
    wish = parse_line(Line(9, content), [])
    assert isinstance(wish, Malformed)
    assert (wish.id, wish.number) == (name, 9)
    assert wish.error.message.startswith(message), wish.error.message
    assert len(wish.error.problem().text.splitlines()) == 2


def heard(*chunks: bytes) -> list[Line]:
    """Lines of an input that comes in these pieces."""
    source, sink = os.pipe()
    inbox: Inbox = SimpleQueue()
    words = (source, inbox, threading.Semaphore(100))
    thread = threading.Thread(target=request_lines.listen, args=words)
    thread.start()
    for chunk in chunks:
        os.write(sink, chunk)
    os.close(sink)
    thread.join()
    os.close(source)
    lines = []
    while not inbox.empty():
        line = inbox.get()
        assert isinstance(line, Line)
        lines.append(line)
    return lines


def test_lines_come_in_pieces_and_the_last_has_no_end() -> None:
    assert heard(b'{"a"', b": 1}\r\n\n  \n{", b"}") == [
        Line(1, b'{"a": 1}\r'),
        Line(4, b"{}"),
        Line(5, b""),
    ]


def test_a_huge_line_is_let_go_and_the_next_is_read() -> None:
    huge = [b"x" * 60_000] * 40
    assert heard(b"{}\n", *huge, b"x\n{}\n", *huge) == [
        Line(1, b"{}"),
        Line(2, None),
        Line(3, b"{}"),
        Line(4, None),
        Line(5, b""),
    ]


def test_no_more_is_read_than_there_is_room_for() -> None:
    source, sink = os.pipe()
    inbox: Inbox = SimpleQueue()
    room = threading.Semaphore(2)
    words = (source, inbox, room)
    thread = threading.Thread(target=request_lines.listen, args=words)
    thread.start()
    os.write(sink, b"{}\n" * 5)
    os.close(sink)
    assert [inbox.get(timeout=5), inbox.get(timeout=5)] == [Line(1, b"{}"), Line(2, b"{}")]
    thread.join(0.05)
    assert (thread.is_alive(), inbox.empty()) == (True, True)
    for _ in range(3):
        room.release()
    thread.join()
    os.close(source)
    assert inbox.qsize() == 4
