"""`mlenv exec`: start a command in the launch environment, and become it.

On the path of every recording, so it parses its few options by hand and imports little.
"""

from __future__ import annotations

import os
import sys
import time

from mlenv.cli.commands import OF_EXEC
from mlenv.environment import in_use, launch
from mlenv.paths import venv_directory

TYPE_CHECKING = False  # as in `typing`, which would have to be imported
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from mlenv.result import MlenvError

NOT_FOUND, NOT_EXECUTABLE = 127, 126  # as shells report them


def main(arguments: Sequence[str]) -> int:
    """`[--venv DIR] [--explain] [--] COMMAND [ARG..]`; returns for mlenv's own commands only."""
    try:
        venv, command, explained = _parse(arguments)
        if explained:
            return _explained(venv, command)
        if command[0] in OF_EXEC:
            in_use.hold(os.path.realpath(venv))
            from pathlib import Path

            from mlenv.cli.commands import transcribe

            return transcribe.main(Path(venv), command[1:], diarize_only=command[0] == "diarize")
        become(venv, command)
    except Exception as error:
        return _refusal(error)


def _refusal(error: Exception) -> int:
    """Print what the user can understand and act on; raise what is a fault of mlenv's."""
    from mlenv.cli import render
    from mlenv.result import MlenvError, from_os_error

    if isinstance(error, OSError):
        error = from_os_error(error)
    if not isinstance(error, MlenvError):
        raise error
    return render.emit(error.result("exec"), as_json=False)


def become(venv: str, command: Sequence[str]) -> NoReturn:
    """Replace this process by `command`: signals and the exit code are the command's own.

    It runs in the generation that is active now and stays in it, whatever is installed
    meanwhile.
    """
    while not in_use.hold(os.path.realpath(venv)):
        time.sleep(0.01)  # it is being removed, so another one is active in a moment
    built = launch.build(os.path.realpath(venv), os.environ)
    launch.raise_without_python(venv, built.python)  # or PATH would give another one
    environment = built.applied_to(os.environ)
    try:
        os.execvpe(command[0], list(command), environment)
    except OSError as error:
        raise _not_started(venv, command[0], environment["PATH"], error) from error


def _not_started(venv: str, command: str, path: str, error: OSError) -> MlenvError:
    """Tell a command that isn't there from one that can't be started."""
    import shutil

    if program := shutil.which(command, path=path):
        message = f"{program} could not be started: {error.strerror}."
    elif "/" in command and os.path.exists(command):  # noqa: PTH110 (never raises)
        message = f"{command} is not a program: it may not be executed."
    else:
        message = f"There is no command `{command}` in {venv}/bin or on PATH."
        hint = _near(command, f"{venv}/bin")
        return _error("command-not-found", message, hint, exit_code=NOT_FOUND)
    return _error("command-not-executable", message, exit_code=NOT_EXECUTABLE)


def _near(command: str, folder: str) -> str:
    """Name what may have been meant, or how a program comes there."""
    import difflib

    try:
        names = [*os.listdir(folder), *OF_EXEC]  # noqa: PTH208 (names are all that is wanted)
    except OSError:
        names = [*OF_EXEC]
    if near := difflib.get_close_matches(command, names, n=1, cutoff=0.75):
        return f"Did you mean `mlenv exec {near[0]}`?"
    return "`mlenv add PACKAGE` adds a package with its programs."


def _explained(venv: str, command: Sequence[str]) -> int:
    """Run the command as a child and name the known error if it fails."""
    from mlenv.cli.table import main as run_cli

    again = [sys.executable, "-m", "mlenv", "exec", "--venv", str(venv), "--", *command]
    return run_cli(["explain", "--venv", str(venv), "--", *again])


def _parse(arguments: Sequence[str]) -> tuple[str, Sequence[str], bool]:
    option, explained, rest = None, False, list(arguments)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        if word == "--explain":
            explained = True
            continue
        name, separator, value = word.partition("=")
        if name != "--venv":
            raise _usage(f"`mlenv exec` has no option {name}.")
        if not separator and not rest:
            raise _usage("--venv needs a directory.")
        option = value if separator else rest.pop(0)
    if not rest:
        raise _usage("`mlenv exec` needs a command.")
    return venv_directory(option, os.environ), rest, explained


def _usage(message: str) -> MlenvError:
    from mlenv.result import WRONG_USAGE

    return _error("usage", message, "Try `mlenv exec --help`.", exit_code=WRONG_USAGE)


def _error(code: str, message: str, hint: str = "", *, exit_code: int = 1) -> MlenvError:
    from mlenv.result import MlenvError

    return MlenvError(code, message, hint, exit_code=exit_code)


def __getattr__(name: str) -> object:
    """`cli`, for the help and for completion only: exec itself never imports click."""
    if name != "cli":
        raise AttributeError(name)
    import click

    @click.command(
        "exec",
        context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
        epilog="\b\nExamples:\n  mlenv exec python app.py\n"
        "  mlenv exec transcribe --diarize meeting.m4a",
    )
    @click.option(
        "--venv", metavar="DIR", help="The environment (default: $MLENV_VENV, else ~/.venvs/ml)."
    )
    @click.option("--explain", is_flag=True, help="Name the known error if the command fails.")
    @click.argument(
        "command",
        nargs=-1,
        required=True,
        type=click.UNPROCESSED,
    )
    def cli(venv: str | None, explain: bool, command: tuple[str, ...]) -> int:
        """Run COMMAND with the right libraries; its signals and exit code are its own.

        COMMAND `transcribe` turns speech into text: see `mlenv exec transcribe --help`.
        """
        options = [*(["--venv", venv] if venv else []), *(["--explain"] if explain else [])]
        words = [*options, "--", *command]
        return main(words)

    return cli
