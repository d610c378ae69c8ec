"""`mlenv env`: print the launch environment, for a shell or for a program."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mlenv import launch
from mlenv.cli import command, venv_option
from mlenv.result import Result
from mlenv.shims import exports


@command(
    "env",
    'eval "$(mlenv env --shell bash)"\n'
    "mlenv env --shell fish | source\n"
    'eval "`mlenv env --shell tcsh`"\n'
    "mlenv env --json",
)
@click.option(
    "--shell",
    type=click.Choice(list(exports.LANGUAGES)),
    default="bash",
    show_default=True,
    help="Print commands that this shell can evaluate.",
)
@venv_option
def cli(venv: Path, shell: str) -> Result:
    """Print the variables with which a process loads the right libraries.

    What is on LD_LIBRARY_PATH already stays there, behind the environment's directories;
    directories with another cuDNN or cuBLAS in them are left out.
    """
    built = launch.build(venv, os.environ)
    return Result(
        "env",
        {"python": str(built.python), "venv": str(built.venv), "env": dict(built.variables)},
        view={"shell": shell, "removed": [n for n in built.removed if n in os.environ]},
    )
