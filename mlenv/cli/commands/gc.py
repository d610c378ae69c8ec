"""`mlenv gc`: remove generations that nobody needs any more."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec import Struct

from mlenv.cli import render
from mlenv.cli.table import command, consent_options, no_wait_option, venv_option
from mlenv.environment import generations
from mlenv.environment.generations import gc
from mlenv.progress import Progress
from mlenv.result import Result


class InUse(Struct, frozen=True, kw_only=True):
    """A generation that stays because processes use it."""

    name: str
    pids: tuple[int, ...]


class Collected(Struct, frozen=True, kw_only=True):
    """The document of `mlenv gc`: what was removed, or would be."""

    dry_run: bool
    venv: str
    removed: tuple[str, ...]
    freed_bytes: int
    in_use: tuple[InUse, ...]


@command("gc", "mlenv gc\nmlenv gc --keep 1")
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Number of generations that stay, the active one among them.",
)
@consent_options
@no_wait_option
@venv_option
@click.pass_obj
def cli(
    progress: Progress, venv: Path, keep: int, dry_run: bool, yes: bool, no_wait: bool
) -> Result[Collected]:
    """Remove old generations. The active one stays, and so does any that a process is using.

    The environment that was there before mlenv is never touched. Asks before gigabytes go.
    """
    if dry_run:
        done = gc.surplus(venv, keep)
    else:
        done = gc.collect(venv, keep, progress, render.asking(yes), wait=not no_wait)
    record = Collected(
        dry_run=dry_run,
        venv=str(venv),
        removed=tuple(generation.name for generation in done.removed),
        freed_bytes=done.freed,
        in_use=tuple(InUse(name=g.name, pids=pids) for g, pids in done.in_use),
    )
    warnings = tuple(f"kept: {error.message}" for error in generations.unreadable(venv))
    return Result("gc", record, warnings=warnings)
