"""Docker and Dev Containers: the same environment from the same lock.

No container engine runs where this is tested, so the Dockerfile is linted, and its steps are
done by hand: its RUN in a shell, its ENV by the rules of the Dockerfile reference.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlenv.environment.launchers import devcontainer, docker
from mlenv.environment.launchers.launcher import Place
from mlenv.environment.lockfile import locks, profiles
from mlenv.result import MlenvError
from tests.support.containers import environment, installed, instructions
from tests.support.launching import BASE, MakeVenv, come_and_go
from tests.support.programs import program


def test_docker(hollow: MakeVenv, tmp_path: Path) -> None:
    place = installed(tmp_path, hollow)
    shim, files = come_and_go(docker, place)
    assert "--gpus all" in shim.paste
    lock = locks.load(profiles.load("cu124"))
    assert files["mlenv.lock.txt"].decode().endswith(lock.text)
    steps = instructions(files["Dockerfile.mlenv"].decode())
    minor = sys.version_info.minor
    assert list(steps) == ["FROM", "COPY", "RUN", "ENV"]
    assert steps["FROM"] == f"python:3.{minor}-slim-bookworm AS mlenv"
    packages = f"/opt/ml/lib/python3.{minor}/site-packages/nvidia"
    libraries = ":".join(f"{packages}/{name}/lib" for name in ("cudnn", "cublas", "cuda_nvrtc"))
    expected = {
        "VIRTUAL_ENV": "/opt/ml",
        "PATH": "/opt/ml/bin:/usr/bin",
        "LD_LIBRARY_PATH": libraries,
        "NVIDIA_VISIBLE_DEVICES": "all",
        "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
    }
    assert environment(steps["ENV"], {"PATH": "/usr/bin"}) == expected
    behind = environment(steps["ENV"], {"PATH": "/usr/bin", "LD_LIBRARY_PATH": "/opt/a"})
    assert behind == {**expected, "LD_LIBRARY_PATH": f"{libraries}:/opt/a"}


def test_only_what_mlenv_has_built_can_be_built_again(hollow: MakeVenv, tmp_path: Path) -> None:
    with pytest.raises(MlenvError) as caught:
        docker.install(Place(hollow(tmp_path / "ml"), tmp_path, BASE))
    assert caught.value.code == "no-generation"


def test_dev_container(hollow: MakeVenv, tmp_path: Path) -> None:
    place = installed(tmp_path, hollow)
    docker.install(place)
    come_and_go(devcontainer, place)
    file = devcontainer.install(place).files[0]
    read = subprocess.run(
        [
            program("devcontainer"),
            "read-configuration",
            *("--workspace-folder", place.project),
            *("--config", file),
            *("--docker-path", "/bin/true"),  # it asks the engine for running containers
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(read.stdout)["configuration"]
    folder = file.parent
    assert (folder / seen["build"]["dockerfile"]).resolve() == place.project / "Dockerfile.mlenv"
    assert (folder / seen["build"]["context"]).resolve() == place.project
    assert seen["hostRequirements"] == {"gpu": "optional"}


def test_a_removal_that_was_cut_off_is_finished(hollow: MakeVenv, tmp_path: Path) -> None:
    """Killed, or refused by the disk, between the file and its directories."""
    place = installed(tmp_path, hollow)
    file = devcontainer.install(place).files[0]
    file.unlink()
    assert not devcontainer.remove(place).changed
    assert not (place.project / ".devcontainer").exists()
