"""The example for Node with the real wheels and a real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.launching import PROOF, PROVED, MakeVenv
from tests.support.node import lines_of
from tests.support.places import ROOT
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
def test_the_example_transcribes(
    node_example: Path, node_environ: dict[str, str], real_venv: Path
) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "mlenv", "models", "where", "tiny.en", "--json"],
        capture_output=True,
        check=True,
    )
    model = json.loads(found.stdout)["data"]["path"]
    audio = ROOT / "mlenv/speech/verify/samples/conversation.flac"
    done = subprocess.run(
        [program("node"), node_example / "dist/main.js", audio, model],
        env={**node_environ, "MLENV_VENV": str(real_venv), "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "waiting on you" in done.stdout.lower()
    assert len(done.stdout.splitlines()) > 5
