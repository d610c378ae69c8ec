"""`mlenv uninstall`: remove the environment; what was there before comes back."""

from __future__ import annotations

import os
from pathlib import Path

import click
from msgspec import Struct

from mlenv.cli import render
from mlenv.cli.table import command, consent_options, no_wait_option, venv_option
from mlenv.environment import generations
from mlenv.environment.generations import disk_usage, gc, rollback
from mlenv.environment.launchers import launcher
from mlenv.progress import Progress
from mlenv.result import MlenvError, Result


class Uninstalled(Struct, frozen=True, kw_only=True):
    """The document of `mlenv uninstall`. `left`: directories with the user's own profiles.

    `launchers`: files outside of it that start programs in it, by the launcher's name.
    """

    venv: str
    removed: tuple[str, ...]
    restored: str | None
    left: tuple[str, ...]
    launchers: dict[str, tuple[str, ...]]


class Planned(Struct, frozen=True, kw_only=True):
    """The document of `mlenv uninstall --dry-run`. `restores`: what would come back.

    `launchers`: files outside of it that would lead to nothing, by the launcher's name.
    """

    dry_run: bool = True
    venv: str
    generations: tuple[Sized, ...]
    restores: str | None
    launchers: dict[str, tuple[str, ...]]


class Sized(Struct, frozen=True, kw_only=True):
    """A generation that would go; `own_bytes` are freed by that."""

    name: str
    bytes: int
    own_bytes: int


@command("uninstall", "mlenv uninstall --dry-run\nmlenv uninstall --yes --venv /data/envs/ml")
@click.option("--force", is_flag=True, help="Even where a process is using it.")
@consent_options
@no_wait_option
@venv_option
@click.pass_obj
def cli(
    progress: Progress, venv: Path, force: bool, dry_run: bool, yes: bool, no_wait: bool
) -> Result[Uninstalled | Planned]:
    """Remove the environment with all its generations.

    The environment that was there before mlenv is put back. Profiles that `mlenv add` has made
    stay, and so do models and uv's cache. Asks first; a script says `--yes`.
    """
    if dry_run:
        gc.refuse_absent(venv)
        return Result("uninstall", _planned(venv))
    asking = render.asking(yes)
    launchers = _launchers(venv)
    done = gc.uninstall(venv, force=force, progress=progress, asking=asking, wait=not no_wait)
    record = Uninstalled(
        venv=str(venv),
        removed=tuple(path.name for path in done.removed),
        restored=str(done.restored) if done.restored else None,
        left=tuple(map(str, done.left)),
        launchers=launchers,
    )
    return Result("uninstall", record)


def _planned(venv: Path) -> Planned:
    sizes = {
        path.name: disk_usage.size(path)
        for path in sorted((generations.store(venv) / "generations").glob("*/"))
    }
    kept = rollback.kept(venv)
    return Planned(
        venv=str(venv),
        generations=tuple(
            Sized(name=name, bytes=size.total, own_bytes=size.own) for name, size in sizes.items()
        ),
        restores=str(kept[-1]) if kept else None,
        launchers=_launchers(venv),
    )


def _launchers(venv: Path) -> dict[str, tuple[str, ...]]:
    """Files of launchers that are not in the environment itself, this folder's among them."""
    place = launcher.Place(venv, Path.cwd(), os.environ)
    inside = (venv, venv.resolve(), generations.store(venv))
    found = {}
    for name in launcher.LAUNCHERS:
        try:
            files = launcher.load(name).look(place).files
        except MlenvError:  # no generation that could be looked at, or a file that is broken
            continue
        outside = [file for file in files if not any(map(file.is_relative_to, inside))]
        if outside:
            found[name] = tuple(map(str, outside))
    return found
