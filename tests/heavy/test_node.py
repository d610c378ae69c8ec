"""The example for Node with the real wheels and a real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlenv.speech.verify.samples import CONVERSATION
from tests.support.launching import PROOF, PROVED, MakeVenv
from tests.support.node import lines_of
from tests.support.places import UTTERANCES
from tests.support.programs import program

pytestmark = pytest.mark.usefixtures("home_of_its_own")


@pytest.mark.heavy
def test_the_real_front_library_finds_its_parts(
    node_example: Path, node_environ: dict[str, str], real: MakeVenv, nasty: Path
) -> None:
    env = {**node_environ, "MLENV_VENV": str(real(nasty / "ml"))}
    code = PROOF.replace('print("cuDNN", version)', "print(f'\"cuDNN {version}\"')")
    (line,) = lines_of(node_example, code, env)
    assert line["line"] == PROVED


@pytest.mark.heavy
def test_the_example_of_a_program_of_ones_own_transcribes(
    node_example: Path, node_environ: dict[str, str], real_venv: Path
) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "mlenv", "models", "where", "tiny.en", "--json"],
        capture_output=True,
        check=True,
    )
    model = json.loads(found.stdout)["data"]["path"]
    done = subprocess.run(
        [program("node"), node_example / "dist/own.js", CONVERSATION, model],
        env={**node_environ, "MLENV_VENV": str(real_venv), "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "waiting on you" in done.stdout.lower()
    assert len(done.stdout.splitlines()) > 5


@pytest.mark.heavy
def test_the_example_transcribes_many_recordings(
    node_example: Path, node_environ: dict[str, str], real_venv: Path
) -> None:
    clips = sorted(UTTERANCES.glob("*.flac"))
    more = {
        "MLENV_VENV": str(real_venv),
        "HOME": os.environ["HOME"],
        "MLENV_OPTIONS": "--model tiny.en",
    }
    done = subprocess.run(
        [program("node"), node_example / "dist/main.js", *clips, CONVERSATION, "missing.wav"],
        env={**node_environ, **more},
        capture_output=True,
        text=True,
    )
    missing = (
        "missing.wav does not exist.\n"
        "No recording is in this folder: name the file with its path. (audio-missing)\n"
    )
    assert (done.returncode, done.stderr) == (1, missing)
    heads = {line for line in done.stdout.splitlines() if line.endswith(":")}
    assert heads == {f"{path}:" for path in (*clips, CONVERSATION)}
    assert "waiting on you" in done.stdout.lower()
