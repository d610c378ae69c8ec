"""`mlenv uninstall`: remove the environment; what was there before comes back."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import Struct

from mlenv.cli.table import command, venv_option
from mlenv.environment.generations import gc
from mlenv.progress import Progress
from mlenv.result import Result


class Uninstalled(Struct, frozen=True, kw_only=True):
    """The document of `mlenv uninstall`. `left`: directories with the user's own profiles."""

    venv: str
    removed: tuple[str, ...]
    restored: str | None
    left: tuple[str, ...]


@command("uninstall", "mlenv uninstall\nmlenv uninstall --venv /data/envs/ml")
@click.option("--force", is_flag=True, help="Even where a process is using it.")
@venv_option
@click.pass_obj
def cli(progress: Progress, venv: Path, force: bool) -> Result[Uninstalled]:
    """Remove the environment with all its generations.

    The environment that was there before mlenv is put back. Profiles that `mlenv add` has made
    stay, and so do models and uv's cache.
    """
    done = gc.uninstall(venv, force=force, progress=progress)
    record = Uninstalled(
        venv=str(venv),
        removed=tuple(path.name for path in done.removed),
        restored=str(done.restored) if done.restored else None,
        left=tuple(map(str, done.left)),
    )
    return Result("uninstall", record)
