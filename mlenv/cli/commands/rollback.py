"""`mlenv rollback`: switch to an earlier generation, or to what was there before mlenv."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from mlenv.cli import render
from mlenv.cli.table import command, consent_options, no_wait_option, venv_option
from mlenv.environment import generations
from mlenv.environment.generations import activation, disk_usage, rollback
from mlenv.environment.install import consent
from mlenv.environment.install.changes import Changes
from mlenv.progress import Progress
from mlenv.result import Result


class Switched(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The document of `mlenv rollback`. `managed`: mlenv made what is active now.

    `earlier`: the numbers of generations before that one, the latest last.
    """

    venv: str
    from_: str | None
    to: str
    managed: bool
    earlier: tuple[int, ...] = ()


class Planned(Switched, frozen=True, kw_only=True):
    """The document of `mlenv rollback --dry-run`; `bytes` on disk of what it would switch to."""

    dry_run: bool = True
    changes: Changes
    losses: tuple[str, ...]
    bytes: int


@command("rollback", "mlenv rollback\nmlenv rollback 2\nmlenv rollback before")
@click.argument("generation", required=False)
@consent_options
@no_wait_option
@venv_option
@click.pass_obj
def cli(
    progress: Progress,
    venv: Path,
    generation: str | None,
    dry_run: bool,
    yes: bool,
    no_wait: bool,
) -> Result[Switched | Planned]:
    """Switch in one step to GENERATION (a number or name), or to what was active before.

    `before` is the environment that mlenv found and moved aside. Running rollback a second time
    without GENERATION undoes it; a number goes further back. Asks where what is switched to lacks
    what the environment is for.
    """
    before = venv.resolve().name if activation.is_activation(venv) else None
    if dry_run:
        return Result("rollback", _planned(venv, before, rollback.destination(venv, generation)))
    now = rollback.roll_back(venv, generation, progress, render.asking(yes), wait=not no_wait)
    to = str(now) if now == venv else now.name
    record = Switched(
        venv=str(venv), from_=before, to=to, managed=now != venv, earlier=_earlier(venv, to)
    )
    return Result("rollback", record)


def _earlier(venv: Path, name: str) -> tuple[int, ...]:
    """Generations from before the one of that name, to which one can go further back."""
    number = name.partition("-")[0]
    if not number.isdigit():
        return ()
    return tuple(each.number for each in generations.all_of(venv) if each.number < int(number))


def _planned(venv: Path, before: str | None, path: Path) -> Planned:
    differences = rollback.differences(venv, path)
    is_kept = path in rollback.kept(venv)
    return Planned(
        venv=str(venv),
        from_=before,
        to=str(path) if is_kept else path.name,
        managed=not is_kept,
        earlier=() if is_kept else _earlier(venv, path.name),
        changes=differences,
        losses=consent.losses(differences),
        bytes=disk_usage.size(path).total,
    )
