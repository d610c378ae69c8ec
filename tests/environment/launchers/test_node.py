"""The example for Node and TypeScript, compiled with the real compiler and run by the real Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.launching import MakeVenv
from tests.support.node import lines_of
from tests.support.programs import program

SLOWLY = """\
import json, os, sys, time
print(json.dumps([sys.prefix, os.environ.get("PYTHONHOME")]), flush=True)
time.sleep(0.5)
print(json.dumps(os.environ["LD_LIBRARY_PATH"]), flush=True)
"""


def test_lines_come_as_they_are_printed(
    node_example: Path, node_environ: dict[str, str], nasty: Path, hollow: MakeVenv
) -> None:
    venv = hollow(nasty / "ml")
    more = {"MLENV_VENV": str(venv), "LD_LIBRARY_PATH": "/opt/a", "PYTHONHOME": "/nowhere"}
    # mlenv's own Python must start all the same: only what is spawned gets this one
    wrapper = Path(node_environ["MLENV"])
    wrapper.write_text(wrapper.read_text("utf-8").replace("exec ", "unset PYTHONHOME; exec "))
    first, second = lines_of(node_example, SLOWLY, {**node_environ, **more})
    assert first["line"] == [str(venv), None]
    assert str(second["line"]).startswith(f"{venv}/lib/")
    assert str(second["line"]).endswith("cuda_nvrtc/lib:/opt/a")
    assert float(str(second["at"])) - float(str(first["at"])) > 300


def test_a_program_that_fails_or_dies_is_an_error_with_what_it_said(
    node_example: Path, node_environ: dict[str, str], hollow: MakeVenv, tmp_path: Path
) -> None:
    env = {**node_environ, "MLENV_VENV": str(hollow(tmp_path / "ml"))}
    (failed,) = lines_of(node_example, "raise SystemExit('no such file')", env)
    assert failed == {"error": "Python ended with exit code 1:\nno such file\n"}
    (died,) = lines_of(node_example, "import os; os.abort()", env)
    assert str(died["error"]).startswith("Python ended with SIGABRT:\n")


def test_who_stops_reading_ends_the_program(
    node_example: Path, node_environ: dict[str, str], hollow: MakeVenv, tmp_path: Path
) -> None:
    env = {**node_environ, "MLENV_VENV": str(hollow(tmp_path / "ml"))}
    (line,) = lines_of(
        node_example, "import time; print('\"enough\"', flush=True); time.sleep(600)", env
    )
    assert line["line"] == "enough"


def test_without_an_environment_the_message_is_mlenvs(
    node_example: Path, node_environ: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [program("node"), node_example / "dist/own.js", "a.wav"],
        env={**node_environ, "MLENV_VENV": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{tmp_path / 'none'} does not exist.\nRun `mlenv install`")
