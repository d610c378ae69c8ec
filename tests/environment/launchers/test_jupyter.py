"""The Jupyter kernel: in the kernel list, and in a notebook that transcribes."""

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
from mlenv.result import MlenvError
from tests.support.launching import BASE, PROOF, PROVED, MakeVenv
from tests.support.places import ROOT

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


def place_for(venv: Path, data: Path) -> Place:
    return Place(venv, venv.parent, {**os.environ, "JUPYTER_DATA_DIR": str(data)})


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """ipykernel is not installed: only the files are looked at, nothing is run."""
    monkeypatch.setattr(
        "mlenv.environment.uv.install_apart", lambda requirements, target, python: target.mkdir()
    )


@pytest.mark.usefixtures("without_packages")
def test_the_kernelspec_comes_and_goes(nasty: Path, hollow: MakeVenv, tmp_path: Path) -> None:
    place = place_for(hollow(nasty / "My ml ü"), tmp_path / "data")
    assert jupyter.look(place).state == "absent"
    (file,) = jupyter.install(place).files
    kernel = tmp_path / "data/kernels/mlenv-my_ml__"
    assert file == kernel / "kernel.json"
    assert json.loads(file.read_text("utf-8")) == {
        "argv": [
            f"{place.venv}/shims/python",
            f"{kernel}/kernel.py",
            "-f",
            "{connection_file}",
        ],
        "display_name": "My ml ü (mlenv)",
        "language": "python",
        "env": {"VIRTUAL_ENV": str(place.venv).replace("$", "$$")},
        "metadata": {
            "debugger": True,
            "mlenv": {"venv": str(place.venv), "python": f"python3.{sys.version_info.minor}"},
        },
    }
    assert jupyter.look(place).state == "installed"
    assert not jupyter.install(place).changed
    (kernel / "kernel.py").write_text("changed", "utf-8")
    assert jupyter.look(place).state == "outdated"
    assert jupyter.install(place).changed
    assert jupyter.remove(place).changed
    assert not kernel.exists()
    assert not jupyter.remove(place).changed


@pytest.mark.usefixtures("without_packages")
def test_a_kernel_of_somebody_elses_is_left_alone(hollow: MakeVenv, tmp_path: Path) -> None:
    place = place_for(hollow(tmp_path / "ml"), tmp_path / "data")
    theirs = tmp_path / "data/kernels/mlenv-ml/kernel.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text('{"argv": ["mine"]}', "utf-8")
    with pytest.raises(MlenvError) as caught:
        jupyter.install(place)
    assert caught.value.code == "not-ours"
    assert not jupyter.remove(place).changed
    assert theirs.read_text("utf-8") == '{"argv": ["mine"]}'


@pytest.mark.heavy
def test_a_notebook_transcribes_in_the_kernel(real: MakeVenv, tmp_path: Path) -> None:
    server = tmp_path / "server"  # Jupyter itself is elsewhere, as it always is
    subprocess.run(["uv", "venv", "-q", server], check=True)
    packages = ["nbclient==0.11.0", "jupyter-client==8.10.0"]
    install = ["uv", "pip", "install", "-q", "--python", server / "bin/python", *packages]
    subprocess.run(install, check=True)
    venv = real(tmp_path / 'it\'s $my "ml"' / "ml")
    commands.write(venv, venv)
    place = place_for(venv, tmp_path / "data")
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
