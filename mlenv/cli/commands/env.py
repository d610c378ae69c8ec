"""`mlenv env`: print the launch environment, for a shell or for a program.

Programs call it each time they start, so it reads its own few options and leaves click, half of
the time it would take, to the help and to whatever is not understood here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from mlenv.environment import launch
from mlenv.environment.launchers import exports
from mlenv.paths import venv_directory
from mlenv.result import MlenvError, Result, from_os_error

if TYPE_CHECKING:
    from pathlib import Path


class Described(TypedDict):
    """The document of `mlenv env`.

    `python`: the interpreter to start. `env`: the variables to start it with, beside your own.
    """

    python: str
    venv: str
    env: dict[str, str]


def main(arguments: Sequence[str]) -> int | None:
    """`[--json] [--shell SHELL] [--venv DIR]`; None where click shall read the arguments."""
    from mlenv.cli import render

    options: dict[str, str | None] = {"--shell": "bash", "--venv": None}
    as_json, rest = False, list(arguments)
    while rest:
        name, separator, value = rest.pop(0).partition("=")
        if name == "--json" and not separator:
            as_json = True
        elif name in options and (separator or rest):
            options[name] = value if separator else rest.pop(0)
        else:
            return None
    shell = options["--shell"]
    if shell not in exports.LANGUAGES:
        return None
    try:
        result = describe(venv_directory(options["--venv"], os.environ), str(shell))
    except MlenvError as error:
        result = error.result("env")
    except OSError as error:
        result = from_os_error(error).result("env")
    return render.emit(result, as_json=as_json)


def describe(venv: str | Path, shell: str) -> Result[Described]:
    """The launch environment of `venv` for a process started from here."""
    built = launch.build(venv, os.environ)
    removed = tuple(name for name in built.removed if name in os.environ)
    return Result(
        "env",
        {"python": built.python, "venv": built.venv, "env": dict(built.variables)},
        lines=lambda: exports.commands(shell, built.variables, removed),
    )


def __getattr__(name: str) -> object:
    """`cli`, made when it is asked for."""
    if name != "cli":
        raise AttributeError(name)
    import click

    from mlenv.cli.table import command, venv_option

    @command(
        "env",
        'eval "$(mlenv env --shell bash)"\n'
        "mlenv env --shell fish | source\n"
        'eval "`mlenv env --shell tcsh`"\n'
        "mlenv env --json",
    )
    @click.option(
        "--shell",
        type=click.Choice(list(exports.LANGUAGES)),
        default="bash",
        show_default=True,
        help="Print commands that this shell can evaluate.",
    )
    @venv_option
    def cli(venv: Path, shell: str) -> Result[Described]:
        """Print the variables with which a process loads the right libraries.

        What is on LD_LIBRARY_PATH already stays there, behind the environment's directories;
        directories with a library that its own NVIDIA wheels bring are left out.
        """
        return describe(venv, shell)

    return cli
