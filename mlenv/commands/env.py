"""`mlenv env`: print the launch environment, for a shell or for a program."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mlenv import launch, shims
from mlenv.cli import command, venv_option
from mlenv.result import Result


@command("env", 'eval "$(mlenv env --shell bash)"\nmlenv env --json')
@click.option(
    "--shell",
    type=click.Choice(list(shims.SHELLS)),
    default="bash",
    show_default=True,
    help="Print commands that this shell can evaluate.",
)
@venv_option
def cli(venv: Path, shell: str) -> Result:
    """Print the variables with which a process loads the right libraries."""
    built = launch.build(venv, os.environ)
    return Result(
        "env",
        {"python": str(built.python), "venv": str(built.venv), "env": dict(built.variables)},
        view={"shell": shell},
    )
