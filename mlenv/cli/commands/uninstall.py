"""`mlenv uninstall`: remove the environment; what was there before comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlenv.cli.table import command, venv_option
from mlenv.environment.generations import history
from mlenv.result import Result


@command("uninstall", "mlenv uninstall\nmlenv uninstall --venv /data/envs/ml")
@click.option("--force", is_flag=True, help="Even where a process is using it.")
@venv_option
def cli(venv: Path, force: bool) -> Result[Any]:
    """Remove the environment with all its generations.

    What stood at its place before mlenv is put back. Profiles that `mlenv add` has made stay,
    and so do models and uv's cache.
    """
    done = history.uninstall(venv, force=force)
    data = {
        "venv": str(venv),
        "removed": [path.name for path in done.removed],
        "restored": str(done.restored) if done.restored else None,
        "left": [str(path) for path in done.left],
    }
    return Result("uninstall", data)
