"""The other profiles for real: real wheels, real weights, real speech."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.heavy

Built = Callable[[str], tuple[Path, dict[str, Any]]]


def mlenv(*arguments: str | Path, **env: str) -> dict[str, Any]:
    """The document of one command line, in the user's own HOME: models and uv's cache are there."""
    done = subprocess.run(
        [sys.executable, "-m", "mlenv", *map(str, arguments), "--json"],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == document["exit_code"]
    return document


@pytest.fixture(scope="session")
def built() -> Iterator[Built]:
    """Install a profile with its first look, once; gives its place and what `install` said."""
    base = Path("~/.cache/mlenv-tests").expanduser()
    base.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=base, prefix="profiles-"))  # where uv's cache can be linked
    known: dict[str, dict[str, Any]] = {}

    def install(name: str) -> tuple[Path, dict[str, Any]]:
        if name not in known:
            known[name] = mlenv("install", name, "--venv", folder / name)
        return folder / name, known[name]

    yield install
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["cu128", "whisper"])
def test_it_installs_is_healthy_and_transcribes(built: Built, name: str) -> None:
    venv, document = built(name)
    assert document["ok"], document["errors"]
    data = document["data"]
    assert [f["id"] for f in data["health"] if f["outcome"] in ("fail", "crash")] == []
    assert data["not_transcribed"] == ""
    for row in data["transcription"]:
        assert row["error_rate"] < 0.15
    doctor = mlenv("doctor", "--venv", venv)
    assert doctor["exit_code"] == 0
    assert mlenv("install", name, "--venv", venv)["data"]["changed"] is False


def test_cu128_lets_a_newer_pyannote_in_and_torch_stays(built: Built) -> None:
    venv, _ = built("cu128")
    before = mlenv("status", "--venv", venv)["data"]["generation"]
    document = mlenv("add", "pyannote.audio==4.0.7", "--venv", venv)
    assert document["ok"], document["errors"]
    moved = {change["name"]: change for change in document["data"]["changes"]["changed"]}
    assert moved["pyannote-audio"] == {
        "name": "pyannote-audio", "before": "4.0.3", "after": "4.0.7",
    }  # fmt: skip
    after = mlenv("status", "--venv", venv)["data"]
    held = after["generation"]["distributions"]
    for package in ("torch-2.8.0", "torchvision-0.23.0", "torchaudio-2.8.0", "ctranslate2-"):
        [was] = [item for item in before["distributions"] if item.startswith(package)]
        assert was in held
    first, second = after["generations"]
    assert second["own_bytes"] < 0.02 * first["bytes"]
    assert mlenv("rollback", "--venv", venv)["data"]["to"] == before["name"]


def test_whisper_from_a_bundle_without_a_network(built: Built) -> None:
    venv, _ = built("whisper")
    tmp_path = venv.parent  # gigabytes: it must not outlive the session
    bundled = mlenv("bundle", "whisper", "-o", tmp_path / "usb", "--model", "tiny.en")
    assert bundled["ok"], bundled["errors"]
    alone = {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "MLENV_CACHE_DIR": str(tmp_path / "models"),
        "HF_HUB_OFFLINE": "1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    place = tmp_path / "bundled/ml"
    document = mlenv("install", "--from", tmp_path / "usb", "--venv", place, **alone)
    assert document["ok"], document["errors"]
    [row] = document["data"]["transcription"]
    assert row["error_rate"] < 0.15
    lock = mlenv("status", "--venv", place)["data"]["generation"]["distributions"]
    assert lock == mlenv("status", "--venv", venv)["data"]["generation"]["distributions"]
