"""`mlenv env`: for a shell to evaluate, and for a program to read."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlenv import __version__
from mlenv.environment import launch
from tests.support.launching import BASE, MakeVenv
from tests.support.shells import SHELLS, Shell, environments

EVALUATE = {
    "bash": 'eval "$($MLENV env --shell bash)"',
    "zsh": 'eval "$($MLENV env --shell zsh)"',
    "dash": 'eval "$($MLENV env --shell sh)"',
    "fish": "$MLENV env --shell fish | source",
    # evaluated in one line it would lose a newline; sourced it loses nothing
    "tcsh": '"$MLENV:q" env --shell tcsh > "$FILE:q"; source "$FILE:q"',
    "nu": "^$env.MLENV env --shell nu | save --force $env.FILE; source {file}",
    "pwsh": "& $env:MLENV env --shell powershell | Out-String | Invoke-Expression",
}


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell.name)
def test_a_shell_evaluates_it(shell: Shell, nasty: Path, hollow: MakeVenv, tmp_path: Path) -> None:
    venv = hollow(nasty / "ml")
    program, file = tmp_path / "mlenv", tmp_path / "commands.nu"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlenv "$@"\n')
    program.chmod(0o755)
    file.touch()
    env = {**BASE, "LD_LIBRARY_PATH": f"/opt/a::{nasty}", "PYTHONHOME": "", "MLENV_VENV": str(venv)}
    words = {"MLENV": str(program), "FILE": str(file)}
    if shell.name == "nu":  # it reads what it sources before it runs anything
        with file.open("w") as stream:
            subprocess.run([program, "env", "--shell", "nu"], env=env, stdout=stream, check=True)
        shell = replace(shell, end="")
        line = f"source {str(file)!r}"
    else:
        line = EVALUATE[shell.name]
    done = shell.run(line, shell.mark, shell.dump, env={**env, **words}, venv=venv)
    assert (done.returncode, done.stderr) == (0, b"")
    after = environments(done.stdout)[1]
    expected = launch.build(venv, env).variables
    assert {name: after[name.encode()].decode() for name in expected} == expected
    assert b"PYTHONHOME" not in after


def test_the_document(mlenv, nasty: Path, hollow: MakeVenv) -> None:  # type: ignore[no-untyped-def]
    venv = hollow(nasty / "ml")
    done = mlenv("env", "--json", "--venv", venv, env={"LD_LIBRARY_PATH": "/opt/a::", "PATH": "/b"})
    packages = f"{venv}/lib/python3.{sys.version_info.minor}/site-packages/nvidia"
    names = ("cudnn", "cublas", "cuda_nvrtc")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "schema": 1,
        "mlenv": __version__,
        "command": "env",
        "ok": True,
        "exit_code": 0,
        "data": {
            "python": f"{venv}/bin/python",
            "venv": str(venv),
            "env": {
                "VIRTUAL_ENV": str(venv),
                "PATH": f"{venv}/bin:/b",
                "LD_LIBRARY_PATH": ":".join([*(f"{packages}/{n}/lib" for n in names), "/opt/a"]),
            },
        },
        "errors": [],
    }


def test_a_path_that_the_loader_would_misread_is_refused(
    mlenv,
    tmp_path: Path,
    hollow: MakeVenv,  # type: ignore[no-untyped-def]
) -> None:
    venv = hollow(tmp_path / "a:b" / "ml")
    for command in (["env"], ["exec", "python", "-c", ""]):
        done = mlenv(command[0], "--venv", venv, *command[1:])
        assert (done.returncode, done.stdout) == (1, "")
        assert "can't stand on LD_LIBRARY_PATH" in done.stderr
        assert "Put the environment into another directory." in done.stderr


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--shell", "elvish"], "'elvish' is not one of"),
        (["--shell"], "requires an argument"),
        (["--shelf=x"], "No such option"),
        (["more"], "unexpected extra argument"),
    ],
)
def test_what_it_does_not_understand(mlenv, arguments: list[str], says: str) -> None:  # type: ignore[no-untyped-def]
    done = mlenv("env", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_options_in_either_form_and_the_default(mlenv, home: Path, hollow: MakeVenv) -> None:  # type: ignore[no-untyped-def]
    venv = hollow(home / ".venvs/ml")
    said = {
        mlenv("env", *words).stdout
        for words in (
            [],
            ["--shell=bash"],
            ["--shell", "zsh"],
            [f"--venv={venv}"],
            ["--venv", venv],
        )
    }
    assert len(said) == 1
    assert f"export VIRTUAL_ENV={venv}\n" in said.pop()
    assert "Examples:" in mlenv("env", "--help").stdout
