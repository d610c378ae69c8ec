"""One file never costs another: workers that die, fail and refuse over some of the files.

The workers are stand-ins that do to each file what the file says: `tests/support/faults.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mlenv.result import MlenvError
from mlenv.speech.transcribe import events, inputs, job, memory, worker_process
from mlenv.speech.transcribe.diarization import Pipeline
from mlenv.speech.transcribe.options import parse
from tests.support import faults as stand_ins
from tests.support import tally

PIPELINE = Pipeline({"kind": "open"}, "finding speakers")
Faults = Mapping[str, Mapping[str, str]]


@pytest.fixture(autouse=True)
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "ENTRY", stand_ins.worker(tmp_path))
    monkeypatch.setattr(memory, "files_at_once", lambda _: 4)
    monkeypatch.setattr(memory, "for_both", lambda _: True)


def run(venv: Path, directory: Path, faults: Faults, *words: str) -> list[events.Event]:
    """What happens to files with these faults."""
    files = [str(file) for file in stand_ins.write(directory, faults)]
    options = parse([*files, "--device", "cpu", *words])
    work = job.Job(venv, options)
    sources = inputs.expand(files)
    try:
        happened = list(work.run(sources, lambda: directory, lambda: PIPELINE))
        tally.batch(faults, outcome(happened))
        return happened
    finally:
        work.close()


def outcome(happened: Sequence[events.Event]) -> dict[str, str]:
    """By file: its words and speakers, or the code of its problem, or both."""
    found = {}
    for event in happened:
        if isinstance(event, events.Failed):
            found[event.source.file.stem] = event.problem.code
        elif isinstance(event, events.Finished):
            text = " ".join(segment["text"] for segment in event.transcript["segments"])
            problem = [event.problem.code] if event.problem else []
            words = [text, *event.transcript["speakers"], *problem]
            found[event.source.file.stem] = ", ".join(words)
    return dict(sorted(found.items()))


def notes(happened: Sequence[events.Event]) -> list[str]:
    return [event.text for event in happened if isinstance(event, events.Note) and event.warning]


def problems(happened: Sequence[events.Event]) -> list[str]:
    found = [getattr(event, "problem", None) for event in happened]
    return [problem.message for problem in found if problem]


def order(directory: Path) -> list[str]:
    return (directory / "log").read_text().splitlines()


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_file_that_ends_two_workers_is_put_aside_and_the_others_are_done(
    plain_venv: Path, tmp_path: Path, name: str
) -> None:
    faults: Faults = {"a": {}, "b": {"transcriber": name}, "c": {}, "d": {}, "e": {}}
    happened = run(plain_venv, tmp_path, faults)
    assert outcome(happened) == {"a": "a", "b": "worker-died", "c": "c", "d": "d", "e": "e"}
    (problem,) = problems(happened)
    (death,) = {each.partition(" At work: ")[0] for each in notes(happened)}
    assert problem.startswith(f"{tmp_path}/b.wav ended two workers and is put aside. {death}")
    assert "b.wav" in notes(happened)[0]
    # what was at work beside it is done again, each alone, and nothing a third time
    assert sum(line == "transcriber b" for line in order(tmp_path)) == 2


def test_a_worker_that_dies_once_costs_nothing_and_no_word_comes_twice(
    plain_venv: Path, tmp_path: Path
) -> None:
    faults: Faults = {"a": {"transcriber": "once SIGSEGV"}, "b": {}}
    happened = run(plain_venv, tmp_path, faults)
    assert outcome(happened) == {"a": "a", "b": "b"}
    assert problems(happened) == []
    heard = [each.segment["text"] for each in happened if isinstance(each, events.Heard)]
    assert sorted(heard) == ["a", "b"]
    assert notes(happened) == [
        "The transcriber was ended by SIGSEGV. At work: "
        f"{tmp_path}/a.wav, {tmp_path}/b.wav; are tried again, one by one."
    ]


def test_files_that_end_workers_by_turns(plain_venv: Path, tmp_path: Path) -> None:
    bad = {"transcriber": "SIGSEGV"}
    faults: Faults = {"a": bad, "b": bad, "c": {}, "d": bad, "e": {}}
    happened = run(plain_venv, tmp_path, faults)
    died = "worker-died"
    assert outcome(happened) == {"a": died, "b": died, "c": "c", "d": died, "e": "e"}


def test_words_are_kept_where_the_diarizer_dies_over_a_file(
    plain_venv: Path, tmp_path: Path
) -> None:
    faults: Faults = {"a": {}, "b": {"diarizer": "SIGSEGV"}, "c": {}}
    happened = run(plain_venv, tmp_path, faults, "--diarize")
    assert outcome(happened) == {
        "a": "a, SPEAKER_00",
        "b": "b, worker-died",
        "c": "c, SPEAKER_00",
    }
    (problem,) = problems(happened)
    assert problem.startswith(
        f"{tmp_path}/b.wav is written without speakers: diarization ended two workers and is put "
        "aside. The diarizer was ended by SIGSEGV."
    )
    tried = [line for line in order(tmp_path) if line.startswith("diarizer")]
    assert sorted(tried) == ["diarizer a", "diarizer b", "diarizer b", "diarizer c"]


def test_words_are_kept_where_a_file_has_no_speakers_for_another_reason(
    plain_venv: Path, tmp_path: Path
) -> None:
    faults: Faults = {"a": {"diarizer": "diarization-failed"}, "b": {}}
    happened = run(plain_venv, tmp_path, faults, "--diarize")
    assert outcome(happened) == {"a": "a, diarization-failed", "b": "b, SPEAKER_00"}
    assert problems(happened) == [
        f"{tmp_path}/a.wav is written without speakers: diarization failed: diarization-failed"
    ]


@pytest.mark.parametrize("together", [True, False], ids=["together", "by turns"])
def test_words_are_kept_where_the_diarizer_never_starts(
    plain_venv: Path, tmp_path: Path, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "for_both", lambda _: together)
    (tmp_path / "no-diarizer").touch()
    happened = run(plain_venv, tmp_path, {"a": {}, "b": {}}, "--diarize")
    assert outcome(happened) == {"a": "a, worker-died", "b": "b, worker-died"}
    assert problems(happened)[0].startswith(
        f"{tmp_path}/a.wav is written without speakers. The diarizer ended with exit code 1: "
    )


def test_by_turns_a_death_costs_the_speakers_of_one_file(
    plain_venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "for_both", lambda _: False)
    faults: Faults = {
        "a": {"diarizer": "SIGSEGV"},
        "b": {"transcriber": "SIGSEGV"},
        "c": {"diarizer": "once SIGKILL"},
    }
    happened = run(plain_venv, tmp_path, faults, "--diarize")
    assert outcome(happened) == {"a": "a, worker-died", "b": "worker-died", "c": "c, SPEAKER_00"}


def test_a_transcriber_that_never_starts_ends_the_run(plain_venv: Path, tmp_path: Path) -> None:
    (tmp_path / "no-transcriber").touch()
    with pytest.raises(MlenvError, match="The transcriber ended with exit code 1"):
        run(plain_venv, tmp_path, {"a": {}, "b": {}})


@pytest.mark.parametrize("worker", ["transcriber", "diarizer"])
def test_a_worker_that_is_killed_while_it_loads_is_started_once_more(
    plain_venv: Path, tmp_path: Path, worker: str
) -> None:
    (tmp_path / f"deaths-of-{worker}").write_text("1")
    happened = run(plain_venv, tmp_path, {"a": {}, "b": {}}, "--diarize")
    assert outcome(happened) == {"a": "a, SPEAKER_00", "b": "b, SPEAKER_00"}
    assert notes(happened) == [
        f"The {worker} was killed (SIGKILL), most likely because memory ran out. "
        "It is started once more."
    ]


def test_a_diarizer_that_is_killed_twice_while_it_loads_is_done_without(
    plain_venv: Path, tmp_path: Path
) -> None:
    (tmp_path / "deaths-of-diarizer").write_text("2")
    happened = run(plain_venv, tmp_path, {"a": {}, "b": {}}, "--diarize")
    assert outcome(happened) == {"a": "a, worker-died", "b": "b, worker-died"}


def test_where_memory_ran_out_in_company_a_file_is_tried_alone(
    plain_venv: Path, tmp_path: Path
) -> None:
    faults: Faults = {"a": {}, "b": {"transcriber": "out-of-memory"}, "c": {}}
    happened = run(plain_venv, tmp_path, faults)
    assert outcome(happened) == {"a": "a", "b": "out-of-memory", "c": "c"}
    (failed,) = (each.problem for each in happened if isinstance(each, events.Failed))
    assert failed.message == f"{tmp_path}/b.wav failed: out-of-memory"
    assert " of memory are free" in failed.hint
    assert sum(line == "transcriber b" for line in order(tmp_path)) == 2


def test_samples_are_handed_over_in_memory_and_survive_the_diarizer(
    plain_venv: Path, tmp_path: Path
) -> None:
    faults: Faults = {"a": {"diarizer": "once SIGKILL"}, "b": {"transcriber": "once SIGKILL"}}
    words = ("--diarize", "--speaker-names", "Ann")
    happened = run(plain_venv, tmp_path, faults, *words)
    assert outcome(happened) == {"a": "a, Ann", "b": "b, Ann"}
    turns = [each.transcript["turns"] for each in happened if isinstance(each, events.Finished)]
    assert [len(each) for each in turns] == [1, 1]


def test_nothing_is_left_open(plain_venv: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    faults: Faults = {"a": {"diarizer": "SIGSEGV"}, "b": {"transcriber": "SIGSEGV"}, "c": {}}
    run(plain_venv, tmp_path, faults, "--diarize")
    after = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    tally.left(set(after) - set(before))
    assert after == before
