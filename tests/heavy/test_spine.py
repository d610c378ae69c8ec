"""From nothing to a transcript, with the real wheels, the real model and real speech."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlenv.speech.verify import samples
from mlenv.speech.verify.scores import word_error_rate
from tests.support.running import Run

pytestmark = pytest.mark.heavy

# A network namespace of its own: nothing is reachable, not even the loopback interface.
NO_NETWORK = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")


@pytest.fixture
def installed(mlenv: Run, real_venv: Path) -> Callable[..., object]:
    """The command line on the real environment, with the models that its installation fetched."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mlenv"

    def run(*arguments: str | Path, **options: object) -> object:
        env = {"MLENV_VENV": str(real_venv), "MLENV_CACHE_DIR": str(cache)}
        return mlenv(*arguments, env=env, **options)

    return run


def test_installing_again_says_at_once_that_there_is_nothing_to_do(installed: Run) -> None:
    done = installed("install", "--json", prefix=NO_NETWORK)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["changed"] is False


def test_the_sample_is_transcribed_with_the_network_cut(installed: Run) -> None:
    done = installed(
        "exec", "transcribe", "--model", "tiny.en", "--device", "cpu", "--json",
        samples.CONVERSATION, prefix=NO_NETWORK,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    [heard] = document["data"]["files"]
    assert heard["path"] == str(samples.CONVERSATION)
    assert heard["language"] == "en"
    assert heard["duration"] == pytest.approx(samples.truth()["duration"], abs=0.01)
    said = " ".join(turn["text"] for turn in samples.truth()["turns"])
    text = " ".join(segment["text"] for segment in heard["segments"])
    assert word_error_rate([said], [text]) < 0.15


def test_a_healthy_environment_gets_no_alarm(installed: Run) -> None:
    done = installed("doctor", "--json", prefix=NO_NETWORK)
    assert done.returncode == 0, done.stdout
    findings = json.loads(done.stdout)["data"]["findings"]
    assert [f["id"] for f in findings if f["outcome"] in ("fail", "crash")] == []
    cudnn = next(f for f in findings if f["id"] == "cudnn9-sublib-not-on-loader-path")
    assert cudnn["outcome"] == "ok", cudnn


def test_from_nothing_with_one_command(mlenv: Run, home: Path) -> None:
    """Install, health, transcription: in an empty home, with uv's cache as it is."""
    cache = {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(_default_uv_cache())}
    done = mlenv("install", "cu124", "--json", env=cache)
    assert done.returncode == 0, done.stderr + done.stdout
    data = json.loads(done.stdout)["data"]
    assert (home / ".venvs/ml").is_symlink()
    assert len(data["generation"]["distributions"]) == 120
    assert [f["id"] for f in data["health"] if f["outcome"] == "fail"] == []
    [row] = data["transcription"]
    assert (row["model"], row["device"], row["ok"]) == ("tiny.en", "cpu", True)
    assert row["error_rate"] < 0.15


def _default_uv_cache() -> Path:
    from mlenv.environment import uv

    return uv.cache_directory()
