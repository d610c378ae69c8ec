"""`mlenv exec transcribe --serve` with the real workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlenv.speech.verify import samples
from tests.support.places import UTTERANCES
from tests.support.speech import reference

pytestmark = pytest.mark.heavy

Files = Callable[..., list[dict[str, Any]]]
CLIPS = [UTTERANCES / row["file"] for row in reference()]


class Talk:
    """A caller of the real thing."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def send(self, **fields: object) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(fields) + "\n")
        self.process.stdin.flush()

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout
        yield from map(json.loads, self.process.stdout)

    def until(self, event: str, name: object) -> dict[str, Any]:
        return next(each for each in self.events() if (each["event"], each["id"]) == (event, name))

    def workers(self) -> list[int]:
        pid = self.process.pid
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@pytest.fixture
def talk(real_venv: Path, model_cache: Path) -> Iterator[Talk]:
    words = ["exec", "--venv", str(real_venv), "transcribe", "--serve", "--model", "tiny.en"]
    with subprocess.Popen(
        [sys.executable, "-m", "mlenv", *words, "--device", "cpu"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MLENV_CACHE_DIR": str(model_cache)},
    ) as process:
        yield Talk(process)
        process.kill()


def test_words_are_those_of_a_call_of_its_own_whatever_runs_beside(
    talk: Talk, files_of: Files
) -> None:
    kinds: list[dict[str, object]] = [
        {},
        {"word_timestamps": True},
        {"language": "en", "beam_size": 2, "vad_filter": False},
        {"batched": True, "batch_size": 2},
        {"diarize": True, "diarize_model": "open"},
        {"seed": 5, "temperature": 0.6},
    ]
    asked = [(CLIPS[number], kind) for number, kind in enumerate(kinds)]
    asked.append((samples.CONVERSATION, {"diarize": True, "diarize_model": "open"}))
    for number, (audio, options) in enumerate(asked):
        talk.send(id=number, audio=str(audio), **options)
    assert talk.process.stdin
    talk.process.stdin.close()
    files = {each["id"]: each for each in talk.events() if each["event"] == "file"}
    for number, (audio, options) in enumerate(asked):
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        (alone,) = files_of(audio, "--device", "cpu", *words)
        same = ("text", "segments", "turns", "language", "warnings")
        assert [files[number][key] for key in same] == [alone[key] for key in same], options
    assert talk.process.wait() == 0


def test_a_killed_worker_costs_one_request_and_a_cancelled_one_ends_soon(talk: Talk) -> None:
    talk.send(id="first", audio=str(CLIPS[0]))
    text = talk.until("file", "first")["text"]
    talk.send(id="killed", audio=str(samples.CONVERSATION))
    talk.until("segment", "killed")
    (worker,) = talk.workers()
    os.kill(worker, signal.SIGKILL)
    assert talk.until("end", "killed")["errors"][0]["code"] == "worker-died"
    talk.send(id="after", audio=str(CLIPS[0]))
    assert talk.until("file", "after")["text"] == text
    assert talk.workers() != [worker]
    talk.send(id="cancelled", audio=str(samples.CONVERSATION), diarize=True)
    talk.until("segment", "cancelled")
    talk.send(cancel="cancelled")
    talk.send(id="last", audio=str(CLIPS[0]))
    assert talk.until("end", "cancelled")["errors"][0]["code"] == "cancelled"
    assert talk.until("file", "last")["text"] == text
    talk.process.terminate()
    assert talk.process.wait(2.0) == 128 + signal.SIGTERM
