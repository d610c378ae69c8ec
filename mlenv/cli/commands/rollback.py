"""`mlenv rollback`: switch to an earlier generation, or to what was there before mlenv."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from mlenv.cli.table import command, venv_option
from mlenv.environment.generations import activation, rollback
from mlenv.progress import Progress
from mlenv.result import Result


class Switched(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The document of `mlenv rollback`. `managed`: mlenv made what is active now."""

    venv: str
    from_: str | None
    to: str
    managed: bool


@command("rollback", "mlenv rollback\nmlenv rollback 2\nmlenv rollback before")
@click.argument("generation", required=False)
@venv_option
@click.pass_obj
def cli(progress: Progress, venv: Path, generation: str | None) -> Result[Switched]:
    """Switch in one step to GENERATION (a number or name), or to what was active before.

    `before` is the environment that mlenv found and moved aside. Running rollback a second time
    undoes it.
    """
    before = venv.resolve().name if activation.is_activation(venv) else None
    now = rollback.roll_back(venv, generation, progress)
    to = str(now) if now == venv else now.name
    record = Switched(venv=str(venv), from_=before, to=to, managed=now != venv)
    return Result("rollback", record)
