"""`mlenv gc`: remove generations that nobody needs any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlenv.cli.table import command, venv_option
from mlenv.environment.generations import history
from mlenv.result import Result


@command("gc", "mlenv gc\nmlenv gc --keep 1")
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="How many generations stay, the active one among them.",
)
@venv_option
def cli(venv: Path, keep: int) -> Result[Any]:
    """Remove old generations. The active one stays, and so does any that a process is using.

    What was there before mlenv is never touched.
    """
    done = history.collect(venv, keep)
    data = {
        "venv": str(venv),
        "removed": [generation.name for generation in done.removed],
        "freed_bytes": done.freed,
        "in_use": [{"name": g.name, "pids": list(pids)} for g, pids in done.in_use],
    }
    return Result("gc", data)
