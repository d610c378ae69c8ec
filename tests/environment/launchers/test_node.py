"""The example for Node and TypeScript, compiled with the real compiler and run by the real Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.launching import BASE, PROOF, PROVED, MakeVenv
from tests.support.places import ROOT
from tests.support.programs import node_modules, program

# Spawns Python with argv and prints each line with the time when it came, in milliseconds.
RUN = """\
import { launchEnvironment } from "./dist/environment.js";
import { jsonLines } from "./dist/lines.js";
const environment = await launchEnvironment(process.env.MLENV);
try {
  for await (const line of jsonLines(environment, process.argv.slice(2))) {
    console.log(JSON.stringify({ line, at: performance.now() }));
    if (line === "enough") break;
  }
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
"""
SLOWLY = """\
import json, os, sys, time
print(json.dumps([sys.prefix, os.environ.get("PYTHONHOME")]), flush=True)
time.sleep(0.5)
print(json.dumps(os.environ["LD_LIBRARY_PATH"]), flush=True)
"""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built."""
    modules = node_modules("typescript")
    folder = tmp_path_factory.mktemp("node") / "example"
    ignored = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(ROOT / "examples/node", folder, ignore=ignored)
    (folder / "node_modules").symlink_to(modules)
    wanted = json.loads((folder / "package.json").read_text("utf-8"))["devDependencies"]
    for name, version in wanted.items():
        there = json.loads((modules / name / "package.json").read_text("utf-8"))["version"]
        assert there == version, f"{name}: .ci/npm-packages.txt has another version"
    compiler = modules / "typescript/bin/tsc"
    built = subprocess.run([program("node"), compiler], cwd=folder, capture_output=True, text=True)
    assert (built.returncode, built.stdout) == (0, "")
    (folder / "run.mjs").write_text(RUN, "utf-8")
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    mlenv = tmp_path / "mlenv program"
    mlenv.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlenv "$@"\n', "utf-8")
    mlenv.chmod(0o755)
    return {**BASE, "MLENV": str(mlenv)}


def run(example: Path, code: str, env: dict[str, str]) -> list[dict[str, object]]:
    done = subprocess.run(
        [program("node"), example / "run.mjs", "-c", code],
        env=env,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_lines_come_as_they_are_printed(
    example: Path, environ: dict[str, str], nasty: Path, hollow: MakeVenv
) -> None:
    venv = hollow(nasty / "ml")
    more = {"MLENV_VENV": str(venv), "LD_LIBRARY_PATH": "/opt/a", "PYTHONHOME": "/nowhere"}
    # mlenv's own Python must start all the same: only what is spawned gets this one
    wrapper = Path(environ["MLENV"])
    wrapper.write_text(wrapper.read_text("utf-8").replace("exec ", "unset PYTHONHOME; exec "))
    first, second = run(example, SLOWLY, {**environ, **more})
    assert first["line"] == [str(venv), None]
    assert str(second["line"]).startswith(f"{venv}/lib/")
    assert str(second["line"]).endswith("cuda_nvrtc/lib:/opt/a")
    assert float(str(second["at"])) - float(str(first["at"])) > 300


def test_a_program_that_fails_or_dies_is_an_error_with_what_it_said(
    example: Path, environ: dict[str, str], hollow: MakeVenv, tmp_path: Path
) -> None:
    env = {**environ, "MLENV_VENV": str(hollow(tmp_path / "ml"))}
    (failed,) = run(example, "raise SystemExit('no such file')", env)
    assert failed == {"error": "Python ended with exit code 1:\nno such file\n"}
    (died,) = run(example, "import os; os.abort()", env)
    assert str(died["error"]).startswith("Python ended with SIGABRT:\n")


def test_who_stops_reading_ends_the_program(
    example: Path, environ: dict[str, str], hollow: MakeVenv, tmp_path: Path
) -> None:
    env = {**environ, "MLENV_VENV": str(hollow(tmp_path / "ml"))}
    (line,) = run(example, "import time; print('\"enough\"', flush=True); time.sleep(600)", env)
    assert line["line"] == "enough"


def test_without_an_environment_the_message_is_mlenvs(
    example: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [program("node"), example / "dist/main.js", "a.wav"],
        env={**environ, "MLENV_VENV": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{tmp_path / 'none'} does not exist.\nRun `mlenv install`")


@pytest.mark.heavy
def test_the_real_front_library_finds_its_parts(
    example: Path, environ: dict[str, str], real: MakeVenv, nasty: Path
) -> None:
    env = {**environ, "MLENV_VENV": str(real(nasty / "ml"))}
    code = PROOF.replace('print("cuDNN", version)', "print(f'\"cuDNN {version}\"')")
    (line,) = run(example, code, env)
    assert line["line"] == PROVED


@pytest.mark.heavy
def test_the_example_transcribes(example: Path, environ: dict[str, str], real_venv: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "mlenv", "models", "where", "tiny.en", "--json"],
        capture_output=True,
        check=True,
    )
    model = json.loads(found.stdout)["data"]["path"]
    audio = ROOT / "mlenv/speech/verify/samples/conversation.flac"
    done = subprocess.run(
        [program("node"), example / "dist/main.js", audio, model],
        env={**environ, "MLENV_VENV": str(real_venv), "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "waiting on you" in done.stdout.lower()
    assert len(done.stdout.splitlines()) > 5
