"""The Jupyter kernel: in the kernel list, and in a notebook that transcribes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from mlenv.environment.launchers import jupyter
from mlenv.environment.launchers.launcher import Place
from mlenv.result import MlenvError
from tests.support.launching import MakeVenv


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
