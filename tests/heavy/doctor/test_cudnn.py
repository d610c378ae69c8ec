"""The failure that this project exists for, with the real libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlenv.doctor import examine
from mlenv.doctor.facts import target
from mlenv.environment import launch
from tests.support.running import Run
from tests.support.venvs import MakeVenv, ids, packages

pytestmark = pytest.mark.heavy

SUBLIB = "cudnn9-sublib-not-on-loader-path"
PARTS = ("ctranslate2*", "nvidia/cudnn", "nvidia/cublas", "nvidia/cuda_nvrtc", "nvidia_*")


@pytest.fixture
def venv(real_venv: Path, copy_of: MakeVenv) -> Path:
    return copy_of(real_venv, *PARTS)


def outcome(venv: Path) -> str:
    report = examine.examine(target.of_venv(venv), (SUBLIB,), environ={"PATH": "/usr/bin:/bin"})
    return str(report.documents()[0].outcome)


def test_without_the_cudnn_directory_in_the_launch_environment_doctor_fails(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "OPENED_BY_NAME", ("cublas", "cuda_nvrtc"))
    assert outcome(venv) == "fail"
    monkeypatch.undo()
    assert outcome(venv) == "warn"  # the launch environment is well, a bare start still dies


def test_cudnn_moved_to_another_place(venv: Path, mlenv: Run) -> None:
    there = packages(venv) / "nvidia" / "cudnn"
    moved = there.rename(there.with_name("cudnn_elsewhere"))
    ended = mlenv("doctor", "--json", "--venv", venv, SUBLIB)
    finding: dict[str, Any] = json.loads(ended.stdout)["data"]["findings"][0]
    assert (ended.returncode, finding["outcome"]) == (1, "fail")
    assert any("libcudnn_graph.so.9" in line for line in finding["evidence"])

    moved.rename(there)
    ended = mlenv("doctor", "--json", "--venv", venv, SUBLIB)
    assert (ended.returncode, ids(json.loads(ended.stdout), "warn")) == (0, [SUBLIB])


def test_the_bare_start_is_a_warning_that_names_file_place_and_remedy(
    venv: Path, mlenv: Run
) -> None:
    ended = mlenv("doctor", "--json", "--venv", venv, SUBLIB)
    document = json.loads(ended.stdout)
    front = next((packages(venv) / "ctranslate2.libs").glob("libcudnn-*"))
    cudnn = packages(venv) / "nvidia" / "cudnn" / "lib"
    assert document["data"]["findings"][0]["evidence"] == [
        f"in the bare and activated shell: cudnnGetVersion through {front} was ended by SIGABRT",
        f"missing: libcudnn_graph.so.9; it lies in {cudnn}, which is not on the loader's path",
        "the launch environment (`mlenv exec`) finds all parts",
    ]
    mend = ["mlenv", "doctor", "--fix", "--venv", str(venv)]  # this one, not the usual one
    assert document["data"]["findings"][0]["remedy"]["commands"] == [mend]
    assert mlenv("doctor", "--strict", "--venv", venv, SUBLIB).returncode == 1


def test_in_a_shell_that_has_the_directory_already_nothing_is_wrong(venv: Path, mlenv: Run) -> None:
    path = ":".join(map(str, launch.library_directories(packages(venv))))
    ended = mlenv("doctor", "--json", "--venv", venv, SUBLIB, env={"LD_LIBRARY_PATH": path})
    assert ids(json.loads(ended.stdout), "ok") == [SUBLIB]
