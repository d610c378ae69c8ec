"""Real models, fetched once for all tests; audio files made with the environment's PyAV."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mlenv.speech import models
from mlenv.speech.models import fetch
from mlenv.speech.transcribe.worker_process import ENTRY
from tests.support.places import UTTERANCES
from tests.support.venvs import empty_venv

# The head of a script that uses modules of the workers in the environment's own Python.
WORKERS = (
    "import runpy\n"
    f"runpy.run_path({str(ENTRY)!r})['load_package'](__import__('pathlib').Path({str(ENTRY)!r}).parent)\n"
)

Pulled = Callable[[str], Path]
Transcribe = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """Where the real weights lie between test runs (`$MLENV_TEST_MODELS` names another place)."""
    given = os.environ.get("MLENV_TEST_MODELS")
    return Path(given or "~/.cache/mlenv-tests/models").expanduser()


@pytest.fixture
def pulled(real_venv: Path, model_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Pulled:
    """`pulled("tiny.en")`: the directory of a model, fetched if it is not there yet."""
    monkeypatch.setenv("MLENV_CACHE_DIR", str(model_cache))
    return lambda name: fetch.ensure(models.by_name(name), real_venv).path


@pytest.fixture
def transcribe(mlenv: Transcribe, real_venv: Path, model_cache: Path) -> Transcribe:
    """`mlenv exec transcribe ..` with tiny.en on the CPU, unless told otherwise."""

    def run(
        *words: str | Path,
        command: str = "transcribe",
        env: dict[str, str] | None = None,
        **kw: Any,
    ) -> subprocess.CompletedProcess[str]:
        chosen = [] if "--model" in words else ["--model", "tiny.en"]
        return mlenv(
            "exec",
            "--venv",
            real_venv,
            command,
            *chosen,
            *words,
            env={"MLENV_CACHE_DIR": str(model_cache), **(env or {})},
            **kw,
        )

    return run


@pytest.fixture
def files_of(transcribe: Transcribe) -> Callable[..., list[dict[str, Any]]]:
    """The `files` of `--json`, where all went well."""

    def run(*words: str | Path, **kw: Any) -> list[dict[str, Any]]:
        done = transcribe(*words, "--json", **kw)
        assert done.returncode == 0, done.stdout + done.stderr
        files: list[dict[str, Any]] = json.loads(done.stdout)["data"]["files"]
        return files

    return run


@pytest.fixture
def make_audio(real_venv: Path) -> Callable[..., Path]:
    """Write an audio file with the environment's PyAV: see `make_audio.py`."""

    def make(path: Path, *words: str) -> Path:
        script = Path(__file__).with_name("make_audio.py")
        subprocess.run([real_venv / "bin" / "python", script, path, *words], check=True)
        return path

    return make


def reference() -> Sequence[dict[str, Any]]:
    """The nine utterances: {"file", "speaker", "duration", "text"}."""
    rows: list[dict[str, Any]] = json.loads((UTTERANCES / "utterances.json").read_text("utf-8"))
    return rows


@pytest.fixture
def plain_venv(tmp_path: Path) -> Path:
    """A real venv without any package."""
    return empty_venv(tmp_path / "plain")


def worker_config(model_cache: Path, **other: object) -> dict[str, object]:
    """The first request to the transcriber: tiny.en on the CPU."""
    return {
        "model": str(model_cache / "models" / "tiny.en"),
        "device": "cpu",
        "device_index": 0,
        "compute_type": "auto",
        "threads": 1,
        "at_once": 2,
        "batch_size": None,
        "options": {"vad_filter": True},
        **other,
    }


def wav(path: Path, *, seconds: float = 10.0, size: int | None = None, share: float = 1.0) -> str:
    """8 kHz mono, `size` in the header where it is not the true one, `share` of it there."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(int(seconds * 8000) * 2))
    data = bytearray(path.read_bytes())
    begin = data.index(b"data") + 4
    if size is not None:
        data[begin : begin + 4] = struct.pack("<I", size)
    path.write_bytes(data[: int(len(data) * share)])
    return str(path)
