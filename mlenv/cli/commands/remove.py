"""`mlenv remove`: take packages out again."""

from __future__ import annotations

from pathlib import Path

import click

from mlenv.cli.table import command, venv_option
from mlenv.environment.install import adding
from mlenv.environment.install.build import Installed
from mlenv.progress import Progress
from mlenv.result import Result


@command("remove", "mlenv remove whisperx")
@click.argument("packages", nargs=-1, required=True)
@click.option("--index", "mirrors", metavar="NAME=URL", multiple=True, help="Use a mirror.")
@venv_option
@click.pass_obj
def cli(
    progress: Progress, venv: Path, packages: tuple[str, ...], mirrors: tuple[str, ...]
) -> Result[Installed]:
    """Take PACKAGES out of the environment, with all that only they needed.

    The result is a new lock of your own and a new generation; `mlenv rollback` goes back.
    """
    request = adding.Request(remove=packages, mirrors=mirrors)
    changed = adding.change(venv, request, progress)
    return Result("remove", changed.installed, warnings=changed.warnings)
