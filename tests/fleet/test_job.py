"""What becomes of files on a cluster whose parts die. The pool is a stand-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlenv.fleet.ray import job
from mlenv.result import MlenvError
from mlenv.speech.transcribe import events, inputs
from mlenv.speech.transcribe.diarization import Pipeline
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.options import parse

Fate = Sequence[str]


class Pool:
    """A pool of one actor, with which each file has a fate for each time that it is given out."""

    def __init__(self, fates: Mapping[str, Fate]) -> None:
        self.settings: Mapping[str, Any] = {}
        self.given: list[str] = []
        self._fates = {name: list(fate) for name, fate in fates.items()}
        self._events: list[dict[str, Any]] = [{"event": "capacity", "actors": 1, "gpu": True}]

    def __call__(self, *_: object) -> Pool:
        return self

    def send(self, request: Mapping[str, Any]) -> None:
        if not self.settings:
            self.settings = request
            return
        audio = request["audio"]
        name = Path(audio).stem
        self.given.append(name)
        fates = self._fates.get(name)
        event = self._event(audio, request["id"], fates.pop(0) if fates else "done")
        self._events.append({"id": request["id"], **event})

    def _event(self, audio: str, number: int, fate: str) -> dict[str, Any]:
        if fate in ("actor", "node"):
            return {"event": "lost", "how": fate, "message": f"box: the {fate} is gone"}
        answer = {"event": "answer", "gpu": True, "seconds": 1800.0, "sha256": "abc", "died": None}
        if fate == "process":
            return {**answer, "lines": [], "died": "mlenv was ended by signal 9"}
        file = {
            "event": "file", "id": number, "replaces_segments": False, "path": audio,
            "text": "words", "duration": 3600.0,
            "warnings": [{"code": "grew", "message": f"{audio} grew", "start": None, "end": None}],
        }  # fmt: skip
        code, message = {
            "worker": ("worker-died", f"{audio} ended a worker and is put aside. It was killed."),
            "bad": ("audio-undecodable", f"{audio} can't be decoded"),
        }.get(fate, ("", ""))
        errors = [{"code": code, "message": message, "path": audio}] if code else []
        end = {"event": "end", "id": number, "errors": errors}
        return {**answer, "lines": [*([] if errors else [file]), end]}

    def receive(self) -> dict[str, Any]:
        return self._events.pop(0)

    def close(self) -> None: ...


def nothing() -> Path:
    raise AssertionError


def no_pipeline() -> Pipeline:
    raise AssertionError


def happened(pool: Pool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[events.Event]:
    monkeypatch.chdir(folder)
    for name in "abc":
        Path(f"{name}.wav").write_text("sound")
    monkeypatch.setattr(job, "EnvironmentProcess", pool)
    words = ["a.wav", "b.wav", "c.wav", "--engine=ray", "-o", "out", "--model", "tiny.en"]
    work = job.RayJob(Path("/venv"), parse([*words, "--beam-size=2", "--device=cuda"]))
    return list(work.run(inputs.expand(["a.wav", "b.wav", "c.wav"]), nothing, no_pipeline))


def ends(happening: Sequence[events.Event]) -> Iterator[tuple[str, str]]:
    for event in happening:
        if isinstance(event, events.Failed):
            yield event.source.shown, event.problem.message
        elif isinstance(event, events.Finished):
            yield event.source.shown, event.transcript["text"]


def test_each_file_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool({"b": ["bad"]})
    happening = happened(pool, tmp_path, monkeypatch)
    assert pool.given == ["a", "b", "c"]
    assert list(ends(happening)) == [
        ("a.wav", "words"),
        ("b.wav", "b.wav can't be decoded"),
        ("c.wav", "words"),
    ]
    first = next(event for event in happening if isinstance(event, events.Finished))
    assert first.sha256 == "abc"
    assert first.before == first.source.state()
    assert sorted(first.transcript) == ["duration", "path", "text", "warnings"]
    assert first.transcript["warnings"][0]["message"] == "a.wav grew"
    last = happening[-1]
    assert isinstance(last, events.Note)
    assert last.text.startswith("2.00 hours of audio in 0 s: ")
    assert last.text.endswith(" times real time, 1.50 GPU hours")
    assert pool.settings["device"] == "cuda"
    assert pool.settings["words"] == ["--beam-size=2", "--model=tiny.en"]


@pytest.mark.parametrize(
    ("fate", "given", "end"),
    [
        (["worker"], 2, "words"),
        (["process"], 2, "words"),
        (["actor"], 2, "words"),
        (["node", "node"], 3, "words"),
        (["node", "worker", "node"], 4, "words"),
        (["worker"] * 9, 2, "b.wav ended two workers and is put aside. It was killed."),
        (["process"] * 9, 2,
         "b.wav ended two workers and is put aside. mlenv was ended by signal 9."),
        (["actor"] * 9, 2, "b.wav ended two actors and is put aside. box: the actor is gone."),
        (["worker", "actor"], 2,
         "b.wav ended two actors and is put aside. box: the actor is gone."),
        (["node"] * 9, 3, "b.wav ended three nodes and is put aside. box: the node is gone."),
    ],
)  # fmt: skip
def test_what_dies_costs_one_file_and_that_only_if_it_is_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fate: Fate, given: int, end: str
) -> None:
    pool = Pool({"b": fate})
    happening = happened(pool, tmp_path, monkeypatch)
    assert pool.given.count("b") == given
    assert dict(ends(happening)) == {"a.wav": "words", "b.wav": end, "c.wav": "words"}
    assert len(list(ends(happening))) == 3
    again = [e for e in happening if isinstance(e, events.Note) and "tried once more" in e.text]
    assert len(again) == given - 1
    assert all(note.warning for note in again)


class Lost(Pool):
    """A pool that can't connect the first few times."""

    def __init__(self, times: int) -> None:
        super().__init__({})
        self.starts, self._times = 0, times

    def __call__(self, *_: object) -> Pool:
        self.starts += 1
        self.settings = {}
        return self

    def receive(self) -> dict[str, Any]:
        if self.starts <= self._times:
            raise MlenvError("cluster-lost", "The process ended.")
        return super().receive()


def test_a_cluster_whose_lost_node_is_met_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "AGAIN_IN", 0.0)
    pool = Lost(2)
    happening = happened(pool, tmp_path, monkeypatch)
    assert (pool.starts, pool.given) == (3, ["a", "b", "c"])
    assert (
        happening[:2]
        == [events.Note("The process ended. It is started anew in 0 s.", warning=True)] * 2
    )
    pool = Lost(99)
    with pytest.raises(MlenvError):
        happened(pool, tmp_path, monkeypatch)
    assert pool.starts == job.STARTS


def test_a_cluster_that_is_lost_at_work_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Lost(0)
    real = pool.receive
    answers = iter(range(99))

    def receive() -> dict[str, Any]:
        if next(answers) == 1:
            raise MlenvError("cluster-lost", "The process ended.")
        return real()

    monkeypatch.setattr(pool, "receive", receive)
    with pytest.raises(MlenvError):
        happened(pool, tmp_path, monkeypatch)
    assert pool.starts == 1


def test_the_longest_recordings_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool({})
    monkeypatch.setattr(job, "EnvironmentProcess", pool)
    for name, size in (("a", 1), ("b", 3), ("c", 2)):
        (tmp_path / f"{name}.wav").write_bytes(b"s" * size)
    work = job.RayJob(Path("/venv"), parse([str(tmp_path), "--engine=ray", "-o", "out"]))
    sources = inputs.survey([str(tmp_path)], recursive=False).sources
    assert len(dict(ends(list(work.run(sources, nothing, no_pipeline))))) == 3
    assert pool.given == ["b", "c", "a"]


def test_what_only_this_machine_can_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "EnvironmentProcess", Pool({}))
    work = job.RayJob(tmp_path, parse(["a.wav", "--engine=ray", "-o", "out"]))
    with (tmp_path / "pipe").open("wb+") as held:
        source = Source(Path("/proc/self/fd/9"), "pipe", Path("pipe"), held=held)
        (failed, _) = work.run([source], nothing, no_pipeline)
    assert isinstance(failed, events.Failed)
    assert failed.problem.message == "pipe can be read on this machine only: name a file."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--engine ray", "--engine ray needs --output-dir DIR: files end in any order."),
        ("--engine ray -o out -",
         "--engine ray takes files that all nodes can read, not standard input."),
        ("--engine ray -o out --device-index 1",
         "--engine ray has one worker for each GPU: leave out --device-index."),
        ("--address x:1", "--address is for --engine ray."),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_on_a_cluster(words: str, message: str) -> None:
    with pytest.raises(MlenvError) as caught:
        parse([*words.split(), "a.wav"])
    assert (caught.value.exit_code, caught.value.message) == (2, message)
