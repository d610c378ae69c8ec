"""VS Code and direnv with the real wheels."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlenv.environment.launchers import activate, direnv, vscode
from mlenv.environment.launchers.launcher import Place
from tests.support.launching import BASE, PROOF, PROVED, MakeVenv
from tests.support.workspace import direnv_exports, read_env_file, read_settings

pytestmark = pytest.mark.usefixtures("home_of_its_own")


@pytest.mark.heavy
def test_in_vscode_and_direnv_the_real_front_library_finds_its_parts(
    real: MakeVenv, nasty: Path, tmp_path: Path
) -> None:
    venv = real(nasty / "ml")
    activate.write(venv, venv)
    place = Place(venv, tmp_path / "project", BASE)
    place.project.mkdir()
    settings, variables = vscode.install(place).files
    started_by_vscode = {**BASE, **read_env_file(variables)}
    interpreter = str(read_settings(settings)["python.defaultInterpreterPath"])
    direnv.install(place)
    exported = direnv_exports(place.project, BASE)
    started_in_direnv = {n: v for n, v in {**BASE, **exported}.items() if v is not None}
    for argv, env in (([interpreter], started_by_vscode), (["python"], started_in_direnv)):
        done = subprocess.run(
            ["/usr/bin/env", *argv, "-c", PROOF], env=env, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout.strip()) == (0, PROVED), done.stderr
