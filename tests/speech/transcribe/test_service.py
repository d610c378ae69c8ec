"""Requests one after the other, through workers that stay. Stand-in workers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlenv.result import MlenvError
from mlenv.speech.transcribe import events, memory, worker_process
from mlenv.speech.transcribe.diarization import Pipeline
from mlenv.speech.transcribe.request_lines import Cancel, Malformed
from mlenv.speech.transcribe.service import Answer, Service
from mlenv.speech.transcribe.session import Models
from mlenv.speech.transcribe.worker_process import Line
from tests.support import faults as stand_ins

PIPELINE = Pipeline({"kind": "open"}, "finding speakers")
Start = Callable[..., "Caller"]


def no_model(options: Any) -> Path:
    if options.model == "nowhere":
        raise MlenvError("model-missing", "There is no model nowhere.")
    return Path("/") / (options.model or "base")


def no_pipeline(options: Any) -> Pipeline:
    if options.diarize_model == "3.1":
        raise MlenvError("gated-model-no-access", "It can't be read.")
    return PIPELINE


class Caller:
    """A program that sends lines and takes answers."""

    def __init__(self, venv: Path, directory: Path, **options: Any) -> None:
        self.service = Service(venv, Models(no_model, no_pipeline), ["--device=cpu"], **options)
        self.answers: Iterator[Answer] = self.service.answers()
        self._directory, self._number = directory, 0

    def send(self, **fields: object) -> None:
        self.send_line(json.dumps(fields).encode())

    def send_line(self, content: bytes) -> None:
        self._number += 1
        self.service.room.acquire()
        self.service.inbox.put(Line(self._number, content))

    def ask(self, name: str, fault: dict[str, str] | None = None, **options: object) -> None:
        """Ask for a recording that is called as its request is."""
        (file,) = stand_ins.write(self._directory, {name: fault or {}})
        self.send(id=name, audio=str(file), **options)

    def end(self) -> None:
        self.service.inbox.put(Line(self._number + 1, b""))

    def until(self, kind: type, name: str) -> Answer:
        """The first answer of a kind to a request; those before it are passed over."""
        return next(
            answer
            for answer in self.answers
            if isinstance(answer.event, kind) and answer.request and answer.request.id == name
        )

    def outcome(self) -> dict[object, str]:
        """By request, its words and speakers, or the code of its error, or both; to the end."""
        self.end()
        return dict(pair for answer in self.answers for pair in self._told(answer))

    def _told(self, answer: Answer) -> Iterator[tuple[object, str]]:
        name = answer.request.id if answer.request else None
        match answer.event:
            case events.Finished() as done:
                words = [segment["text"] for segment in done.transcript["segments"]]
                problem = [done.problem.code] if done.problem else []
                yield name, ", ".join([*words, *done.transcript["speakers"], *problem])
            case events.Failed(_, problem):
                yield name, problem.code
            case Malformed() as wrong:
                yield wrong.id or wrong.number, wrong.error.code
            case Cancel():
                yield name, "cancelled"
            case MlenvError() as error:
                yield name, error.code


@pytest.fixture
def start(plain_venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(worker_process, "ENTRY", stand_ins.worker(tmp_path))
    monkeypatch.setattr(memory, "files_at_once", lambda _: 2)
    monkeypatch.setattr(memory, "for_diarizer", lambda _: True)
    callers = []

    def begin(idle: float | None = None) -> Caller:
        callers.append(Caller(plain_venv, tmp_path, idle=idle))
        return callers[-1]

    yield begin
    for each in callers:
        each.service.close()


def loads(directory: Path) -> list[str]:
    return (directory / "loads").read_text().splitlines()


def test_one_worker_does_all_requests_for_a_model(start: Start, tmp_path: Path) -> None:
    caller = start()
    for name in "abcde":
        caller.ask(name)
    assert caller.outcome() == {name: name for name in "abcde"}
    assert loads(tmp_path) == ["transcriber /base", *(f"transcriber {name}" for name in "abcde")]


def test_another_model_is_loaded_when_the_first_is_through(start: Start, tmp_path: Path) -> None:
    caller = start()
    for name, model in zip("abcd", ("tiny", "tiny", "base", "tiny"), strict=True):
        caller.ask(name, model=model)
    assert caller.outcome() == {name: name for name in "abcd"}
    assert loads(tmp_path) == [
        "transcriber /tiny", "transcriber a", "transcriber b", "transcriber /base",
        "transcriber c", "transcriber /tiny", "transcriber d",
    ]  # fmt: skip


def test_each_request_has_its_own_options(start: Start, tmp_path: Path) -> None:
    caller = start()
    caller.ask("a", beam_size=1, language="de", channels="2")
    caller.ask("b", word_timestamps=True, batched=True, track="2")
    assert caller.outcome() == {"a": "a", "b": "b"}
    settings = [json.loads(line) for line in (tmp_path / "settings").read_text().splitlines()]
    one, other = (each["options"] for each in settings)
    assert (one["beam_size"], one["language"], one["word_timestamps"]) == (1, "de", False)
    assert ("beam_size" in other, "language" in other, other["word_timestamps"]) == (
        False,
        False,
        True,
    )
    assert [each["batch_size"] for each in settings] == [None, 8]
    assert [(each["track"], each["channels"]) for each in settings] == [([], "2"), (["2"], "mix")]


def test_speakers_come_on_request(start: Start, tmp_path: Path) -> None:
    caller = start()
    caller.ask("a")
    caller.ask("b", diarize=True)
    caller.ask("c", diarize=True, speaker_names="Ann")
    assert caller.outcome() == {"a": "a", "b": "b, SPEAKER_00", "c": "c, Ann"}
    assert sorted(line for line in loads(tmp_path) if line.startswith("diarizer")) == [
        "diarizer b",
        "diarizer c",
        "diarizer open",
    ]


def test_words_and_speakers_take_turns_without_room(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "for_diarizer", lambda _: False)
    caller = start()
    caller.ask("a", diarize=True)
    caller.ask("b")
    caller.ask("c", diarize=True)
    assert caller.outcome() == {"a": "a, SPEAKER_00", "b": "b", "c": "c, SPEAKER_00"}
    assert loads(tmp_path) == [
        "transcriber /base", "transcriber a", "diarizer open", "diarizer a",
        "transcriber /base", "transcriber b", "transcriber c", "diarizer open", "diarizer c",
    ]  # fmt: skip


def test_a_dead_worker_costs_its_request_and_the_next_gets_a_new_one(
    start: Start, tmp_path: Path
) -> None:
    caller = start()
    caller.ask("a")
    caller.until(events.Finished, "a")
    caller.ask("b", {"transcriber": "once SIGSEGV"})
    answer = caller.until(events.Failed, "b")
    assert isinstance(answer.event, events.Failed)
    assert answer.event.problem.code == "worker-died"
    assert answer.event.problem.message.startswith(
        f"{tmp_path}/b.wav ended a worker and is put aside. The transcriber was ended by SIGSEGV"
    )
    caller.ask("c")
    assert caller.outcome() == {"c": "c"}
    assert loads(tmp_path) == [
        "transcriber /base", "transcriber a", "transcriber b", "transcriber /base", "transcriber c",
    ]  # fmt: skip


def test_of_several_at_work_in_a_dead_worker_only_the_cause_is_lost(start: Start) -> None:
    caller = start()
    caller.ask("a")
    caller.ask("b", {"transcriber": "SIGSEGV"})
    for name in "cd":
        caller.ask(name)
    assert caller.outcome() == {"a": "a", "b": "worker-died", "c": "c", "d": "d"}


def test_a_worker_that_dies_between_requests_is_replaced(start: Start, tmp_path: Path) -> None:
    caller = start()
    caller.ask("a", {"transcriber": "then SIGKILL"})
    caller.until(events.Finished, "a")
    next(
        each
        for each in caller.answers
        if isinstance(each.event, events.Note) and "SIGKILL" in each.event.text
    )
    caller.ask("b")
    assert caller.outcome() == {"b": "b"}


def test_words_are_kept_where_the_diarizer_dies(start: Start) -> None:
    caller = start()
    caller.ask("a", {"diarizer": "SIGSEGV"}, diarize=True)
    caller.ask("b", diarize=True)
    assert caller.outcome() == {"a": "a, worker-died", "b": "b, SPEAKER_00"}


def test_a_worker_that_never_starts_costs_those_that_wait_for_it(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "no-transcriber").touch()
    caller = start()
    caller.ask("a")
    caller.until(MlenvError, "a")
    (tmp_path / "no-transcriber").unlink()
    caller.ask("b")
    assert caller.outcome() == {"b": "b"}


def test_a_diarizer_that_never_starts_costs_the_speakers(start: Start, tmp_path: Path) -> None:
    (tmp_path / "no-diarizer").touch()
    caller = start()
    caller.ask("a", diarize=True)
    caller.until(events.Finished, "a")
    (tmp_path / "no-diarizer").unlink()
    caller.ask("b", diarize=True)
    assert caller.outcome() == {"b": "b, SPEAKER_00"}


def test_models_that_are_not_there_cost_their_requests(start: Start) -> None:
    caller = start()
    caller.ask("a")
    caller.ask("b", diarize=True, diarize_model="3.1")
    caller.ask("c", model="nowhere")
    caller.ask("d", diarize=True)
    assert caller.outcome() == {
        "a": "a",
        "b": "gated-model-no-access",
        "c": "model-missing",
        "d": "d, SPEAKER_00",
    }


def test_requests_are_cancelled_while_they_wait_and_at_work(start: Start, tmp_path: Path) -> None:
    caller = start()
    caller.ask("a", {"transcriber": "wait 60"})
    for name in "bcde":
        caller.ask(name)
    caller.until(events.Heard, "a")
    for name in ("e", "a", "c"):
        caller.send(cancel=name)
    began = time.monotonic()
    assert caller.outcome() == {
        "a": "cancelled", "b": "b", "c": "cancelled", "d": "d", "e": "cancelled",
    }  # fmt: skip
    assert time.monotonic() - began < 20
    assert "transcriber e" not in loads(tmp_path)


def test_speakers_are_cancelled_too(start: Start) -> None:
    caller = start()
    caller.ask("a", {"diarizer": "wait 60"}, diarize=True)
    caller.until(events.Heard, "a")
    caller.send(cancel="a")
    caller.ask("b", diarize=True)
    assert caller.outcome() == {"a": "cancelled", "b": "b, SPEAKER_00"}


def test_a_cancelled_request_may_be_asked_for_again(start: Start) -> None:
    caller = start()
    caller.ask("a", {"transcriber": "wait 60"})
    caller.until(events.Heard, "a")
    caller.send(cancel="a")
    caller.ask("a")
    assert caller.outcome() == {"a": "a"}


def test_an_id_that_is_under_way_is_refused_without_its_id(start: Start) -> None:
    caller = start()
    caller.ask("a")
    caller.ask("a")
    caller.send(id="a")
    caller.send(cancel="z")
    assert caller.outcome() == {"a": "a", 2: "request", 3: "request", 4: "request"}


def test_malformed_lines_end_nothing(start: Start) -> None:
    caller = start()
    caller.send_line(b"nonsense")
    caller.ask("a")
    caller.send(id="b", audio="missing.wav")
    caller.ask("c", beam_size="many")
    caller.ask("d")
    assert caller.outcome() == {
        1: "request", "a": "a", "b": "audio-missing", "c": "usage", "d": "d",
    }  # fmt: skip


def test_it_leaves_when_nothing_is_asked_for(start: Start) -> None:
    caller = start(idle=0.3)
    caller.ask("a", {"transcriber": "wait 0.6"})  # at work is not idle
    told = [pair for answer in caller.answers for pair in caller._told(answer)]
    assert told == [("a", "a")]


def test_room_for_lines_comes_back_with_each_answer(start: Start) -> None:
    caller = start()
    caller.ask("a")
    caller.ask("b", {"transcriber": "transcription-failed"})
    caller.ask("c", {"transcriber": "SIGSEGV"})
    caller.ask("d", {"transcriber": "wait 60"})
    caller.ask("e", model="nowhere")
    caller.send(cancel="d")
    caller.send(cancel="z")
    caller.send_line(b"nonsense")
    caller.outcome()
    waited: list[threading.Semaphore] = []
    while caller.service.room.acquire(blocking=False):
        waited.append(caller.service.room)
    assert len(waited) == 10_000
