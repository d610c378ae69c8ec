"""`mlenv shim`: set up a launcher for the environment, in the launcher's own format."""

from __future__ import annotations

import os
from pathlib import Path

import click
from msgspec import Struct

from mlenv.cli.table import command, venv_option
from mlenv.environment.launch import site_packages
from mlenv.environment.launchers import launcher
from mlenv.environment.launchers.launcher import LAUNCHERS, Place, Shim
from mlenv.result import WRONG_USAGE, MlenvError, Result


class Row(Struct, frozen=True, kw_only=True):
    """One launcher's shim: see `environment.launchers.launcher.Shim`."""

    launcher: str
    title: str
    state: str
    changed: bool
    files: tuple[str, ...]
    todo: str
    paste: str


class Shims(Struct, frozen=True, kw_only=True):
    """The document of `mlenv shim`."""

    venv: str
    action: str
    shims: tuple[Row, ...]


@command(
    "shim",
    "mlenv shim list\n"
    "mlenv shim install jupyter vscode\n"
    "mlenv shim install systemd --unit transcriber\n"
    "mlenv shim remove vscode --project ~/work/talks",
)
@click.argument("action", type=click.Choice(["install", "remove", "list"]))
@click.argument("launchers", nargs=-1, type=click.Choice(list(LAUNCHERS)), metavar="[LAUNCHER]..")
@click.option(
    "--project",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=".",
    help="The folder for vscode, direnv, docker, devcontainer and pins (default: this one).",
)
@click.option(
    "--unit",
    metavar="NAME",
    default="",
    help="The unit for systemd: a user's, or one of the system.",
)
@venv_option
def cli(
    action: str, launchers: tuple[str, ...], project: Path, unit: str, venv: Path
) -> Result[Shims]:
    """Give a LAUNCHER the environment, take it back, or list what is there.

    \b
    LAUNCHER is one or more of:
      shells         activate scripts      jupyter       a kernel
      commands       shims/ for PATH       vscode        a workspace's settings
      direnv         .envrc                systemd       a drop-in for a unit
      cron           a line to paste       docker        a Dockerfile from the lock
      devcontainer   from that Dockerfile  pins          constraints for other projects

    Whatever is the user's in a file stays as it is, byte for byte.
    """
    if action != "list" and not launchers:
        raise MlenvError(
            "usage",
            f"`mlenv shim {action}` needs the name of a launcher.",
            f"There are: {', '.join(LAUNCHERS)}.",
            exit_code=WRONG_USAGE,
        )
    place = Place(venv, project.expanduser().absolute(), os.environ, unit)
    if action != "remove":
        site_packages(venv)  # or say that there is no environment
    if not place.project.is_dir():
        raise MlenvError(
            "no-project", f"There is no folder {place.project}.", "Name one with --project DIR."
        )
    shims = tuple(_row(name, _do(action, name, place)) for name in launchers or LAUNCHERS)
    return Result("shim", Shims(venv=str(venv), action=action, shims=shims))


def _do(action: str, name: str, place: Place) -> Shim:
    module = launcher.load(name)
    if action == "install":
        return module.install(place)
    if action == "remove":
        return module.remove(place)
    try:
        return module.look(place)
    except MlenvError as error:  # one broken file must not hide the others
        return Shim("unknown", todo=error.message)


def _row(name: str, shim: Shim) -> Row:
    return Row(
        launcher=name,
        title=LAUNCHERS[name][1],
        state=shim.state,
        changed=shim.changed,
        files=tuple(map(str, shim.files)),
        todo=shim.todo,
        paste=shim.paste,
    )
