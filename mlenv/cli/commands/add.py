"""`mlenv add`: more packages, and nothing that they should not touch."""

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


def no_files(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    """Say that lists of requirements can't be added, as pip has them."""
    if value is not None:
        raise click.UsageError(
            "Files can't be added: name the packages, `mlenv add rich 'numpy<2'`."
        )


@command(
    "add",
    "mlenv add whisperx\nmlenv add 'jupyterlab>=4' ipywidgets\n"
    "mlenv add pyannote.audio==4.0.7 --override torch==2.5.1",
)
@click.argument("packages", nargs=-1, required=True)
@click.option("-r", "--requirement", hidden=True, expose_value=False, callback=no_files)
@click.option(
    "--override",
    "overrides",
    metavar="REQUIREMENT",
    multiple=True,
    help="Let this win over what any package asks for. May be repeated.",
)
@click.option(
    "--allow-build",
    "builds",
    metavar="NAME",
    multiple=True,
    help="Let this package, which has no wheel, run its own code to build one. May be repeated.",
)
@click.option("--index", "mirrors", metavar="NAME=URL", multiple=True, help="Use a mirror.")
@consent_options
@no_wait_option
@venv_option
@click.pass_obj
def cli(
    progress: Progress,
    venv: Path,
    packages: tuple[str, ...],
    overrides: tuple[str, ...],
    builds: tuple[str, ...],
    mirrors: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    no_wait: bool,
) -> Result[Installed | DryRun]:
    """Add PACKAGES to the environment: a new lock of your own, and a new generation.

    torch and its family, CTranslate2 and cuDNN stay as they are. What would move one of them is
    refused, with the reason and the override that would make it possible. Where the profile has
    no torch, what is added of its family comes in one release that this machine can run.
    Gigabytes are asked for before.
    """
    request = adding.Request(
        add=packages, overrides=overrides, mirrors=mirrors, builds=builds, wait=not no_wait
    )
    if dry_run:
        planned, warnings = adding.preview(venv, request, progress)
        return Result("add", planned, warnings=warnings)
    changed = adding.change(venv, request, progress, render.asking(yes))
    return Result("add", changed.installed, warnings=changed.warnings)
