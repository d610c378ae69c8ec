"""What `mlenv doctor` takes and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.doctor.conftest import empty_venv


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return empty_venv(tmp_path / "venv")


def test_no_environment_cannot_be_diagnosed(mlenv: Run, home: Path) -> None:
    ended = mlenv("doctor")
    assert ended.returncode == 3
    assert f"{home}/.venvs/ml does not exist." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_directory_that_is_no_environment(mlenv: Run, tmp_path: Path) -> None:
    ended = mlenv("doctor", "--venv", tmp_path, "--json")
    document = json.loads(ended.stdout)
    assert (ended.returncode, document["exit_code"]) == (3, 3)
    assert document["errors"] == [
        {
            "code": "no-environment",
            "message": f"{tmp_path} is not a virtual environment.\nRun `mlenv install` to build "
            "one, or name another with --venv DIR or --python EXE.",
        }
    ]


def test_an_interpreter_that_is_none(mlenv: Run) -> None:
    ended = mlenv("doctor", "--python", "/bin/true")
    assert ended.returncode == 3
    assert "/bin/true is no Python that works" in ended.stderr


def test_an_empty_environment_has_nothing_wrong_with_its_cudnn(mlenv: Run, venv: Path) -> None:
    ended = mlenv("doctor", "--venv", venv, "--json", "cudnn9-sublib-not-on-loader-path")
    findings = json.loads(ended.stdout)["data"]["findings"]
    assert ended.returncode == 0
    assert [(f["id"], f["outcome"]) for f in findings] == [
        ("cudnn9-sublib-not-on-loader-path", "skip")
    ]


def test_a_check_that_does_not_exist_is_wrong_usage(mlenv: Run, venv: Path) -> None:
    ended = mlenv("doctor", "--venv", venv, "cudnn9-sublib-not-on-loaderpath")
    assert ended.returncode == 2
    assert "There is no check cudnn9-sublib-not-on-loaderpath." in ended.stderr
    assert "Did you mean cudnn9-sublib-not-on-loader-path?" in ended.stderr
