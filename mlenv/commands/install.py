"""`mlenv install`: build the environment from a profile, or bring it up to date."""

from __future__ import annotations

from pathlib import Path

import click

from mlenv import provision
from mlenv.cli import command, complete_profile, venv_option
from mlenv.progress import Progress
from mlenv.result import Result


@command("install", "mlenv install\nmlenv install cu124 --venv /data/envs/ml --no-verify")
@click.argument("profile", required=False, shell_complete=complete_profile)
@click.option("--python", metavar="EXE|VERSION", help="The interpreter to build it with.")
@click.option("--offline", is_flag=True, help="Use only what is in uv's cache.")
@click.option("--no-verify", is_flag=True, help="Leave out the check and the transcription.")
@venv_option
@click.pass_obj
def cli(
    progress: Progress,
    venv: Path,
    profile: str | None,
    python: str | None,
    offline: bool,
    no_verify: bool,
) -> Result:
    """Build the environment that PROFILE describes and switch to it in one step.

    Without PROFILE, the best one that this machine can run. What was there before is kept.
    The environment's files come from the profile's lock, each checked by its sha256.
    """
    installed = provision.install(venv, profile, progress, python=python, offline=offline)
    return Result("install", provision.described(installed))
