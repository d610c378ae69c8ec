"""Many files in one call, and models that share a machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlenv.machine import memory
from mlenv.speech import models
from mlenv.speech.models import fetch
from mlenv.speech.transcribe import crew, diarization, events, inputs, job
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.worker_process import command
from mlenv.speech.verify import samples
from tests.support import tally
from tests.support.places import UTTERANCES
from tests.support.speech import WORKERS, Transcribe, reference, worker_config

pytestmark = pytest.mark.heavy

Files = Callable[..., list[dict[str, Any]]]


def text(file: dict[str, Any]) -> str:
    return " ".join(segment["text"] for segment in file["segments"])


def test_files_that_are_done_together_come_out_in_order_and_as_one_by_one(
    files_of: Files, transcribe: Transcribe
) -> None:
    names = [UTTERANCES / row["file"] for row in reference()]
    together = files_of("--threads", "2", *names)
    alone = [file for name in names for file in files_of("--threads", "1", name)]
    for one, other in zip(together, alone, strict=True):
        assert (one["path"], one["segments"]) == (other["path"], other["segments"])
    printed = transcribe("--format", "jsonl", *names)
    told = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [event["path"] for event in told if event["event"] == "file"] == [*map(str, names)]
    assert told.pop()["event"] == "end"
    paths = [event["path"] for event in told]
    assert paths == sorted(paths, key=[*map(str, names)].index)


def test_a_long_file_is_done_after_the_short_ones_and_told_of_in_its_place(
    files_of: Files, make_audio: Callable[..., Path], tmp_path: Path
) -> None:
    long = make_audio(tmp_path / "a.wav", "--seconds", "140")
    assert long.stat().st_size > job.LONG
    short = [make_audio(tmp_path / f"{name}.wav") for name in "bcd"]
    files = files_of(long, *short)
    assert [Path(file["path"]).name for file in files] == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert all("while she lay in her chair" in text(file).replace(",", "") for file in files)


def with_speakers(venv: Path, free: int, monkeypatch: pytest.MonkeyPatch) -> list[events.Event]:
    """What happens to the conversation where so many bytes are free."""
    monkeypatch.setattr(memory, "available", lambda: free)
    words = ["--model", "tiny.en", "--device", "cpu", "--diarize", "--diarize-model", "open"]
    options = parse([*words, str(samples.CONVERSATION), "missing"])
    work = job.Job(venv, options)

    def found(model: models.Model) -> Path:
        return fetch.ensure(model, venv).path

    try:
        return list(
            work.run(
                inputs.expand([str(samples.CONVERSATION)]),
                lambda: found(models.by_name("tiny.en")),
                lambda: diarization.choose(options, venv, found),
            )
        )
    finally:
        work.close()


def test_where_there_is_no_room_for_both_they_take_turns(
    real_venv: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLENV_CACHE_DIR", str(model_cache))
    running: list[set[str]] = []
    start = crew.Crew.start

    def seen(self: crew.Crew, name: str) -> None:
        running.append({each for each in (crew.TRANSCRIBER, crew.DIARIZER) if each in self})
        start(self, name)

    monkeypatch.setattr(crew.Crew, "start", seen)
    happened = with_speakers(real_venv, 1_500_000_000, monkeypatch)
    notes = [event.text for event in happened if isinstance(event, events.Note)]
    assert notes[0] == "no room for words and speakers at once, so they take turns"
    assert running == [set(), set()]  # the diarizer began when the transcriber had ended
    (finished,) = (event for event in happened if isinstance(event, events.Finished))
    assert len(finished.transcript["speakers"]) == 6
    assert all(segment["speaker"] for segment in finished.transcript["segments"])


def test_a_recording_too_long_for_its_speakers_has_its_words_and_says_so(
    real_venv: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLENV_CACHE_DIR", str(model_cache))
    happened = with_speakers(real_venv, 900_000_000, monkeypatch)
    (finished,) = (event for event in happened if isinstance(event, events.Finished))
    assert finished.transcript["segments"]
    assert finished.problem
    assert finished.problem.code == "out-of-memory"
    assert finished.problem.message.startswith(
        f"{samples.CONVERSATION} is written without speakers: diarization needs more memory than "
        "is free: the speakers of 0.0 h take about 0.9 GB, a shorter one may have room"
    )
    assert finished.problem.hint


@pytest.mark.parametrize(
    ("model", "language", "said"),
    [
        (
            "tiny.en",
            "de",
            "error: This model knows English only, not `de`.\n"
            "Name a model for all languages, such as --model tiny: tiny.en is not one.\n",
        ),
        (
            "base",
            "yue",
            "error: There is no language `yue` in this model.\n"
            "Use a code such as en, de or fr, or leave --language out to have it found out.\n",
        ),
    ],
)
def test_a_language_that_the_model_does_not_know(
    transcribe: Transcribe, model: str, language: str, said: str
) -> None:
    done = transcribe("--model", model, "--language", language, samples.CONVERSATION)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == said


def test_a_fault_that_nobody_foresaw_ends_the_file(real_venv: Path, model_cache: Path) -> None:
    """A thread that died of it in silence would be waited for without end."""
    config = worker_config(model_cache, options={"unheard_of": True})
    requests = [config, {"id": 0, "path": str(samples.CONVERSATION)}]
    done = subprocess.run(
        command(real_venv / "bin" / "python", "transcriber"),
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    event = json.loads(done.stdout.splitlines()[-1])
    assert (event["event"], event["id"], event["code"]) == ("failed", 0, "transcription-failed")
    assert event["message"].startswith("failed: TypeError: ")
    assert event["message"].endswith("unexpected keyword argument 'unheard_of'")


def test_long_files_wait_for_each_other(real_venv: Path) -> None:
    """Three of 40 minutes each, of which no two go into an hour; one of four hours."""
    script = (
        "import sys, threading, time\n"
        "sys.modules['torch'] = None\n"
        "from mlenv_workers import transcribe_file\n"
        "seen, now, lock = set(), 0, threading.Lock()\n"
        "def work(seconds):\n"
        "    global now\n"
        "    with transcribe_file.budget.reserved(seconds):\n"
        "        with lock: now += seconds; seen.add(now)\n"
        "        time.sleep(0.05)\n"
        "        with lock: now -= seconds\n"
        "each = [2400, 800, 2400, 14400, 2400, 800]\n"
        "threads = [threading.Thread(target=work, args=(seconds,)) for seconds in each]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join(10)\n"
        "assert not any(thread.is_alive() for thread in threads)\n"
        "print([seconds for seconds in sorted(seen) if seconds > 3600])\n"
    )
    done = subprocess.run(
        [real_venv / "bin" / "python", "-c", WORKERS + script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[14400]\n"


def test_a_gpu_without_room_for_its_batches_gets_smaller_ones(real_venv: Path) -> None:
    """The memory is counted by a stand-in for a pipeline, as torch does where a GPU is full."""
    script = (
        "import sys\n"
        "import torch\n"
        "from mlenv_workers import diarizer\n"
        "class Pipeline:\n"
        "    segmentation_batch_size = embedding_batch_size = 32\n"
        "    room = 8\n"
        "    def __call__(self, file, **options):\n"
        "        if self.embedding_batch_size > self.room:\n"
        "            raise torch.OutOfMemoryError('CUDA out of memory.')\n"
        "        return options['num_speakers']\n"
        "pipeline = Pipeline()\n"
        "assert diarizer.applied(pipeline, {}, num_speakers=2) == 2\n"
        "assert (pipeline.segmentation_batch_size, pipeline.embedding_batch_size) == (8, 8)\n"
        "pipeline.room = 0\n"
        "try:\n"
        "    diarizer.applied(pipeline, {}, num_speakers=2)\n"
        "except torch.OutOfMemoryError:\n"
        "    sys.exit(7)\n"
    )
    done = subprocess.run([real_venv / "bin" / "python", "-c", WORKERS + script])
    assert done.returncode == 7


def test_the_spectrogram_in_blocks_is_the_one_of_faster_whisper(real_venv: Path) -> None:
    """To a rounding, at every length around a block; an hour in 0.8 GB, not 2.7."""
    script = (
        "import sys, tracemalloc\n"
        "sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from faster_whisper.feature_extractor import FeatureExtractor\n"
        "from mlenv_workers.features import Features\n"
        "noise = np.random.default_rng(1).standard_normal\n"
        "for length in (1600, 479_840, 480_000, 480_001, 1_520_077):\n"
        "    sound = 0.1 * noise(length, np.float32)\n"
        "    theirs, ours = FeatureExtractor()(sound), Features()(sound)\n"
        "    assert theirs.shape == ours.shape and ours.dtype == np.float32\n"
        "    assert np.abs(theirs - ours).max() < 1e-6\n"
        "hour = np.zeros(3600 * 16_000, np.float32)\n"
        "tracemalloc.start()\n"
        "Features()(hour)\n"
        "assert tracemalloc.get_traced_memory()[1] < 0.8e9, tracemalloc.get_traced_memory()\n"
    )
    done = subprocess.run(
        [real_venv / "bin" / "python", "-c", WORKERS + script], capture_output=True, text=True
    )
    assert done.stderr == ""


# No place for samples: /dev/shm can't be written to, TMPDIR has 2 MB, and there are 64 handles.
MOUNTS = (
    "mount -t tmpfs -o ro tmpfs /dev/shm && mount -t tmpfs -o size=2m tmpfs {tmp} && "
    'export TMPDIR={tmp} && ulimit -n 64 && exec "$@"'
)


def narrow(directory: Path) -> tuple[str, ...]:
    """The beginning of a command line that has little room, with TMPDIR in `directory`."""
    (directory / "tmp").mkdir()
    root = () if os.geteuid() == 0 else ("--map-root-user",)
    script = MOUNTS.format(tmp=directory / "tmp")
    return ("unshare", *root, "-m", "--propagation", "private", "bash", "-c", script, "bash")


def test_where_there_is_little_room(transcribe: Transcribe, tmp_path: Path) -> None:
    done = transcribe(
        *(samples.CONVERSATION, "--diarize", "--offline", "-f", "json", "-o", tmp_path / "out"),
        prefix=narrow(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "conversation.json").read_text())
    assert len(document["speakers"]) == 6


def test_the_kill_of_a_run_with_speakers_leaves_nothing(
    real_venv: Path, model_cache: Path, make_audio: Callable[..., Path], tmp_path: Path
) -> None:
    long = make_audio(tmp_path / "long.wav", "--seconds", "600")
    words = ["exec", "--venv", real_venv, "transcribe", "--model", "tiny.en", "--diarize", long]
    process = subprocess.Popen(
        [*narrow(tmp_path), sys.executable, "-m", "mlenv", *words],
        env={**os.environ, "MLENV_CACHE_DIR": str(model_cache)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    while "transcribing on" not in process.stderr.readline():
        pass
    root = Path(f"/proc/{process.pid}/root")
    temporary = root / (tmp_path / "tmp").relative_to("/")
    while not list(temporary.glob("mlenv*")):  # the diarizer's imports
        time.sleep(0.1)
    while list(temporary.glob("mlenv*")):
        time.sleep(0.1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    time.sleep(2)  # words and speakers are being found
    assert tally.left([*root.joinpath("dev/shm").iterdir(), *temporary.glob("mlenv*")]) == []
    process.kill()
    process.communicate()
    time.sleep(2)
    stats = [Path(f"/proc/{child}/stat") for child in children]
    states = [stat.read_text().rpartition(")")[2].split()[0] for stat in stats if stat.exists()]
    assert (
        tally.left(state for state in states if state != "Z") == []
    )  # over, and not yet asked how by the process that inherited it
