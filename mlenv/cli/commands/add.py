"""`mlenv add`: more packages, and nothing that they should not touch."""

from __future__ import annotations

from pathlib import Path

import click

from mlenv.cli.table import command, venv_option
from mlenv.environment.install import adding
from mlenv.environment.install.build import Installed
from mlenv.progress import Progress
from mlenv.result import Result


@command(
    "add",
    "mlenv add whisperx\nmlenv add 'jupyterlab>=4' ipywidgets\n"
    "mlenv add pyannote.audio==4.0.7 --override torch==2.5.1",
)
@click.argument("packages", nargs=-1, required=True)
@click.option(
    "--override",
    "overrides",
    metavar="REQUIREMENT",
    multiple=True,
    help="Let this win over what any package asks for. May be repeated.",
)
@click.option("--index", "mirrors", metavar="NAME=URL", multiple=True, help="Use a mirror.")
@venv_option
@click.pass_obj
def cli(
    progress: Progress,
    venv: Path,
    packages: tuple[str, ...],
    overrides: tuple[str, ...],
    mirrors: tuple[str, ...],
) -> Result[Installed]:
    """Add PACKAGES to the environment: a new lock of your own, and a new generation.

    torch and its family, CTranslate2 and cuDNN stay as they are. What would move one of them is
    refused, with the reason and the override that would make it possible.
    """
    request = adding.Request(add=packages, overrides=overrides, mirrors=mirrors)
    changed = adding.change(venv, request, progress)
    return Result("add", changed.installed, warnings=changed.warnings)
