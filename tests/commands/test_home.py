"""Reports that people paste say `~` for the home directory; documents for programs do not."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from mlenv.cli.render.home import shortened
from tests.support.running import Run

HOMES = {"HOME": "/home/ada"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("installed  /home/ada/.venvs/ml is now cu124", "installed  ~/.venvs/ml is now cu124"),
        ("(/home/ada/.venvs/ml, Python 3.12)", "(~/.venvs/ml, Python 3.12)"),
        ("PATH=/home/ada/bin:/usr/bin:/home/ada/x", "PATH=~/bin:/usr/bin:~/x"),
        ('File "/home/ada/x.py", line 3', 'File "~/x.py", line 3'),
        ("it is /home/ada.", "it is ~."),
        ("/home/ada", "~"),
        (
            "/home/adam/x /srv/home/ada/x /home/ada.bak/x",
            "/home/adam/x /srv/home/ada/x /home/ada.bak/x",
        ),
        ("mlenv doctor --venv '/home/ada/my envs/ml'", "mlenv doctor --venv ~/'my envs/ml'"),
        ("No such file: '/home/ada/x'", "No such file: '~/x'"),
    ],
)
def test_the_home_directory_and_nothing_else(text: str, shown: str) -> None:
    assert shortened(text, HOMES) == shown
    assert shortened(text, {}) == shortened(text, {"HOME": "/"}) == text


def test_a_command_still_does_what_it_did(tmp_path: Path) -> None:
    for name in ("plain", "with blank", "a$b`c", 'quo"te'):
        (tmp_path / name).write_text(name)
        command = shortened(f"cat {shlex.quote(str(tmp_path / name))}", {"HOME": str(tmp_path)})
        argv = ["env", f"HOME={tmp_path}", "sh", "-c", command]
        assert subprocess.run(argv, capture_output=True, text=True).stdout == name
        assert str(tmp_path) not in command


def test_reports_and_documents(mlenv: Run, home: Path) -> None:
    venv = home / ".venvs/ml"
    assert mlenv("status").stdout == (
        "none        ~/.venvs/ml does not exist. Build one with `mlenv install`.\n"
    )
    assert json.loads(mlenv("status", "--json").stdout)["data"]["venv"] == str(venv)
