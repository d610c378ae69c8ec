"""A profile without diarization: `verify`, `transcribe --diarize` and `doctor` say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.running import Run

SAID = "this profile has no diarization: `mlenv install cu124`"


@pytest.fixture
def venv(mlenv: Run, profile: Path, network: dict[str, str], home: Path) -> Path:
    """An environment that mlenv built from packages that stand for nothing real."""
    assert mlenv("lock", profile, env=network).returncode == 0
    assert mlenv("install", profile, "--no-verify", env=network).returncode == 0
    return home / ".venvs" / "ml"


def test_the_doctor_says_why_speakers_are_not_tried(mlenv: Run, venv: Path) -> None:
    done = mlenv("doctor", "--json", env={"HF_HUB_OFFLINE": "1"})
    document = json.loads(done.stdout)["data"]
    assert document["not_tried"]["speakers"] == SAID
    assert document["tried"] == ["words"]
    bad = [(f["id"], f["evidence"][-1]) for f in document["findings"] if f["outcome"] == "fail"]
    line = "faster-whisper is neither in this environment nor in its lock"
    assert bad == [("package-not-in-this-interpreter", f"follows: main-job-fails: {line}")]
    assert document["verdict"].startswith("Broken: 1 check failed; words failed; ")
    assert f"speakers not tried ({SAID})" in document["verdict"]


def test_transcribing_with_speakers_ends_at_once(mlenv: Run, venv: Path, tmp_path: Path) -> None:
    (tmp_path / "talk.wav").touch()
    done = mlenv("exec", "transcribe", "--diarize", tmp_path / "talk.wav")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "error: This profile has no diarization.",
        "`mlenv install cu124` builds an environment that has it; without --diarize the words come "
        "alone.",
    ]


def test_verify_leaves_the_speakers_out_and_says_so(mlenv: Run, venv: Path) -> None:
    done = mlenv("verify", "--offline", "--device", "cpu", "--json")
    document = json.loads(done.stdout)
    assert document["data"]["not_tried"] == {"speakers": SAID}
    assert [row["model"] for row in document["data"]["rows"]] == ["base"]
    assert f"warning: {SAID}" in done.stderr
    silent = mlenv("verify", "--offline", "--device", "cpu", "--json", "--no-diarize")
    assert json.loads(silent.stdout)["data"]["not_tried"] == {"speakers": "--no-diarize"}
    assert SAID not in silent.stderr
