"""`mlenv rollback`: switch to an earlier generation, or to what was there before mlenv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlenv.cli.table import command, venv_option
from mlenv.environment import generations
from mlenv.environment.generations import history
from mlenv.result import Result


@command("rollback", "mlenv rollback\nmlenv rollback 2\nmlenv rollback before")
@click.argument("generation", required=False)
@venv_option
def cli(venv: Path, generation: str | None) -> Result[Any]:
    """Switch in one step to GENERATION (a number or name), or to what was active before.

    `before` is what stood at the environment's place before mlenv. Running it twice comes back.
    """
    was = generations.active(venv)
    now = history.roll_back(venv, generation)
    data = {
        "venv": str(venv),
        "from": was.name if was else None,
        "to": str(now) if now == venv else now.name,
        "managed": now != venv,
    }
    return Result("rollback", data)
