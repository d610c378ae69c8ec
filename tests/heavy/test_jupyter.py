"""A notebook that transcribes in the Jupyter kernel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlenv.environment.launchers import commands, jupyter
from mlenv.environment.launchers.launcher import Place
from tests.support.launching import BASE, PROOF, PROVED, MakeVenv
from tests.support.places import ROOT

pytestmark = pytest.mark.usefixtures("home_of_its_own")


NOTEBOOK = ROOT / "examples/jupyter/transcribe.ipynb"


EXECUTE = """\
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
notebook.cells.append(nbformat.v4.new_code_cell(sys.argv[3]))
NotebookClient(notebook, kernel_name=sys.argv[2], timeout=300).execute()
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        print(output["text"], end="")
"""


@pytest.mark.heavy
def test_a_notebook_transcribes_in_the_kernel(real: MakeVenv, tmp_path: Path) -> None:
    server = tmp_path / "server"  # Jupyter itself is elsewhere, as it always is
    subprocess.run(["uv", "venv", "-q", server], check=True)
    packages = ["nbclient==0.11.0", "jupyter-client==8.10.0"]
    install = ["uv", "pip", "install", "-q", "--python", server / "bin/python", *packages]
    subprocess.run(install, check=True)
    venv = real(tmp_path / 'it\'s $my "ml"' / "ml")
    commands.write(venv, venv)
    place = Place(venv, venv.parent, {**os.environ, "JUPYTER_DATA_DIR": str(tmp_path / "data")})
    jupyter.install(place)

    env = {**BASE, "JUPYTER_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path)}
    listed = subprocess.run(
        [server / "bin/jupyter-kernelspec", "list", "--json"],
        env=env,
        capture_output=True,
        check=True,
    )
    kernels = json.loads(listed.stdout)["kernelspecs"]
    assert kernels["mlenv-ml"]["resource_dir"] == str(tmp_path / "data/kernels/mlenv-ml")

    found = subprocess.run(
        [sys.executable, "-m", "mlenv", "models", "where", "tiny.en", "--json"],
        capture_output=True,
        check=True,
    )
    env["WHISPER_MODEL"] = json.loads(found.stdout)["data"]["path"]
    env["AUDIO"] = str(ROOT / "mlenv/speech/verify/samples/conversation.flac")
    more = f"{PROOF}\nimport os, shutil, sys\nprint(shutil.which('transcribe'), sys.prefix)"
    done = subprocess.run(
        [server / "bin/python", "-c", EXECUTE, NOTEBOOK, "mlenv-ml", more],
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2:] == [PROVED, f"{venv}/shims/transcribe {venv}"]
    assert "waiting on you" in done.stdout.lower()
    assert shutil.which("transcribe") is None  # it came with the kernel
