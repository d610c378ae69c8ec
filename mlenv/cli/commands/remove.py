"""`mlenv remove`: take packages out again."""

from __future__ import annotations

from pathlib import Path

import click

from mlenv.cli import render
from mlenv.cli.table import command, consent_options, no_wait_option, venv_option
from mlenv.environment.install import adding
from mlenv.environment.install.build import Installed
from mlenv.environment.install.dry_run import DryRun
from mlenv.progress import Progress
from mlenv.result import Result


@command("remove", "mlenv remove whisperx")
@click.argument("packages", nargs=-1, required=True)
@click.option("--index", "mirrors", metavar="NAME=URL", multiple=True, help="Use a mirror.")
@consent_options
@no_wait_option
@venv_option
@click.pass_obj
def cli(
    progress: Progress,
    venv: Path,
    packages: tuple[str, ...],
    mirrors: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    no_wait: bool,
) -> Result[Installed | DryRun]:
    """Take PACKAGES out of the environment, with all that only they needed.

    The result is a new lock of your own and a new generation; `mlenv rollback` goes back.
    Before it takes away what the environment is for, it asks.
    """
    request = adding.Request(remove=packages, mirrors=mirrors, wait=not no_wait)
    if dry_run:
        planned, warnings = adding.preview(venv, request, progress)
        return Result("remove", planned, warnings=warnings)
    changed = adding.change(venv, request, progress, render.asking(yes))
    return Result("remove", changed.installed, warnings=changed.warnings)
