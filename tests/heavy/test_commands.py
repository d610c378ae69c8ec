"""Shims with the real wheels."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mlenv.environment import launch
from mlenv.environment.launchers import commands
from tests.support.launching import PROOF, PROVED, MakeVenv, run_shim
from tests.support.running import Run

pytestmark = pytest.mark.usefixtures("home_of_its_own")


@pytest.mark.heavy
def test_the_real_front_library_finds_its_parts(real: MakeVenv, nasty: Path) -> None:
    venv = real(nasty / "ml")
    commands.write(venv, venv)
    done = run_shim(venv, "python", "-c", PROOF)
    assert (done.returncode, done.stdout.strip()) == (0, PROVED), done.stderr


@pytest.mark.heavy
@pytest.mark.parametrize("way", ["exec", "shim"])
def test_torch_imports_beside_a_directory_with_another_nvjitlink(
    way: str, mlenv: Run, real: MakeVenv, tmp_path: Path
) -> None:
    """torch's cuSPARSE finds its nvJitLink by RUNPATH, which comes after LD_LIBRARY_PATH."""
    venv = real(tmp_path / "ml")
    commands.write(venv, venv)
    foreign = tmp_path / "toolkit"
    foreign.mkdir()
    other = launch.site_packages(venv) / "nvidia/cuda_runtime/lib/libcudart.so.12"
    shutil.copy(other, foreign / "libnvJitLink.so.12")  # a library without its symbols
    code = "import torch; print(torch.version.cuda)"
    env = {"LD_LIBRARY_PATH": str(foreign)}
    bare = subprocess.run([venv / "bin/python", "-c", code], env=env, capture_output=True)
    assert b"libnvJitLink.so.12" in bare.stderr
    if way == "exec":
        done = mlenv("exec", "--venv", venv, "python", "-c", code, env=env)
    else:
        done = run_shim(venv, "python", "-c", code, **env)
    assert (done.returncode, done.stdout) == (0, "12.4\n"), done.stderr
