"""Workers that end too soon: what is said about them, and the exit code."""

from __future__ import annotations

import shutil
from pathlib import Path
from queue import SimpleQueue

import pytest

from mlenv.result import MlenvError
from mlenv.speech.transcribe import events, inputs, job, worker_process
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.worker_process import Inbox, Worker
from tests.support.places import UTTERANCES

SAMPLE = UTTERANCES / "libri_01_spk1089.flac"


def death(script: str, venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MlenvError:
    """How a worker dies that runs `script`."""
    (tmp_path / "worker.py").write_text(script)
    monkeypatch.setattr(worker_process, "ENTRY", tmp_path / "worker.py")
    inbox: Inbox = SimpleQueue()
    worker = Worker("transcriber", venv, inbox)
    assert inbox.get(timeout=30) == (worker, None)
    error = worker.death()
    worker.stop()
    return error


def test_an_abort_with_a_known_cause(
    plain_venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = (
        "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9, "
        "libcudnn_ops.so}\\nInvalid handle. Cannot load symbol cudnnCreateTensorDescriptor\\n"
    )
    script = f"import os, sys\nsys.stderr.write('{words}')\nsys.stderr.flush()\nos.abort()\n"
    error = death(script, plain_venv, monkeypatch, tmp_path)
    assert error.exit_code == 134
    assert error.message.startswith("The transcriber was ended by SIGABRT: ")
    assert "cuDNN" in error.message
    last = "Invalid handle. Cannot load symbol cudnnCreateTensorDescriptor"
    assert error.message.endswith(f" ({last}).")
    assert error.hint == (
        f"`mlenv doctor --venv {plain_venv}` says what to do here; "
        "`mlenv explain cudnn9-sublib-not-on-loader-path` why it happens."
    )


def test_a_kill_is_told_as_what_it_mostly_is(
    plain_venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    error = death("import os\nos.kill(os.getpid(), 9)\n", plain_venv, monkeypatch, tmp_path)
    assert error.exit_code == 137
    assert error.message == (
        "The transcriber was killed (SIGKILL), most likely because memory ran out."
    )
    assert error.hint.startswith("Use a smaller --model or fewer --threads; ")


def test_an_unknown_end_gives_its_last_words(
    plain_venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = "import sys\nprint('the frob is not bent.', file=sys.stderr)\nsys.exit(7)\n"
    error = death(script, plain_venv, monkeypatch, tmp_path)
    assert (error.exit_code, error.hint) == (7, f"Run `mlenv doctor --venv {plain_venv}`.")
    assert error.message == "The transcriber ended with exit code 7: the frob is not bent."


def test_an_environment_without_faster_whisper(mlenv, plain_venv: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"")
    shutil.copy(SAMPLE, tmp_path)
    audio = tmp_path / SAMPLE.name
    done = mlenv("exec", "--venv", plain_venv, "transcribe", "--model", folder, audio)
    assert done.returncode == 1
    assert done.stderr.startswith("error: The transcriber ended with exit code 1: ")
    assert "(ModuleNotFoundError: No module named '" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_no_environment(mlenv, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = mlenv("exec", "--venv", tmp_path / "none", "transcribe", SAMPLE)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {tmp_path / 'none'} does not exist.\n"
        f"Run `mlenv install --venv {tmp_path / 'none'}` to build one, or name another with --venv "
        "DIR.\n"
    )


# Stands in for the transcriber on a machine whose GPU ends the process at its first use.
ABORTS_ON_A_GPU = """
import json, os, sys
def emit(**event): print(json.dumps(event), flush=True)
config = json.loads(sys.stdin.readline())
if config["device"] != "cpu":
    emit(event="trying", device="cuda")
    print("Unable to load any of {libcudnn_ops.so.9.1.0}", file=sys.stderr, flush=True)
    os.abort()
emit(event="ready", device="cpu", why="asked for", compute_type="int8", warning=None,
     seconds={"load": 0.1})
for line in sys.stdin:
    number = json.loads(line)["id"]
    emit(event="decoded", id=number, duration=1.0, warnings=[], unread=0.0, path=None)
    emit(event="transcribed", id=number, language="en", seconds={"transcribe": 0.1}, libraries=[])
"""


def through_a_bad_gpu(
    device: str, plain_venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> list[events.Event]:
    (tmp_path / "worker.py").write_text(ABORTS_ON_A_GPU)
    monkeypatch.setattr(worker_process, "ENTRY", tmp_path / "worker.py")
    work = job.Job(plain_venv, parse([str(SAMPLE), "--device", device]))
    sources = inputs.expand([str(SAMPLE)])
    try:
        return list(work.run(sources, lambda: tmp_path, lambda: pytest.fail("no speakers asked")))
    finally:
        work.close()


def test_a_gpu_that_ends_the_worker_is_left_for_the_cpu_with_a_warning(
    plain_venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    happening = through_a_bad_gpu("auto", plain_venv, monkeypatch, tmp_path)
    first, second, third, fourth = happening
    assert isinstance(first, events.Note)
    assert first.warning
    assert first.text.startswith("the GPU can't be used, going on with the CPU. The transcriber")
    assert second == events.Note("transcribing on cpu in int8 (asked for)")
    assert isinstance(third, events.Warned)
    assert third.text == f"{SAMPLE} holds no speech that could be heard"
    assert isinstance(fourth, events.Finished)
    assert [each["code"] for each in fourth.transcript["warnings"]] == ["no-speech"]


def test_no_cpu_where_the_gpu_was_asked_for(
    plain_venv: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(MlenvError) as caught:
        through_a_bad_gpu("cuda", plain_venv, monkeypatch, tmp_path)
    assert caught.value.exit_code == 134
