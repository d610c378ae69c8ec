"""The command line as a whole: help, completion, wrong usage, one JSON document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlenv import __version__
from mlenv.cli.table import COMMANDS
from tests.support.running import Run


def test_help_lists_every_command(mlenv: Run) -> None:
    done = mlenv("--help")
    assert done.returncode == 0
    for name, (_, line) in COMMANDS.items():
        assert f"  {name} " in done.stdout and line[:20] in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(mlenv: Run, name: str) -> None:
    done = mlenv(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: mlenv {name}")
    _, _, examples = done.stdout.partition("Examples:\n")
    assert f"mlenv {name}" in examples


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("instal",), "There is no command `instal`. Did you mean `mlenv install`?"),
        (
            ("transcribe", "a.wav"),
            "There is no command `transcribe`. Did you mean `mlenv exec transcribe`?",
        ),
        (("diarise",), "There is no command `diarise`. Did you mean `mlenv exec diarize`?"),
        (("frobnicate",), "There is no command `frobnicate`.\nTry `mlenv --help`."),
        (("env", "--shel", "bash"), "No such option '--shel'."),
    ],
)
def test_wrong_usage(mlenv: Run, arguments: tuple[str, ...], said: str) -> None:
    done = mlenv(*arguments)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.splitlines()) <= 2
    document = json.loads(mlenv(*arguments, "--json").stdout)
    assert (document["ok"], document["exit_code"]) == (False, 2)
    assert document["errors"][0]["code"] == "usage"


def test_no_arguments_show_the_help(mlenv: Run) -> None:
    done = mlenv()
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == mlenv("--help").stdout


def test_output_that_cannot_be_written(mlenv: Run) -> None:
    for words in (("profiles",), ("lock", "--check", "--json"), ("env",)):
        with Path("/dev/full").open("w") as full:
            done = mlenv(*words, stdout=full)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr and done.stderr.startswith("error: ")


def test_no_environment_is_one_document(mlenv: Run, home: Path) -> None:
    done = mlenv("env", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == {
        "schema": 1,
        "mlenv": __version__,
        "command": "env",
        "ok": False,
        "exit_code": 1,
        "data": {},
        "errors": [
            {
                "code": "no-environment",
                "message": f"{home / '.venvs/ml'} does not exist.\n"
                "Run `mlenv install` to build one, or name another with --venv DIR.",
            }
        ],
    }
