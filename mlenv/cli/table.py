"""The command table. A command's module is imported when the command is called.

A command is a function from its arguments to a `Result`. It is registered here by name, with
the line that `mlenv --help` shows; its module `mlenv.cli.commands.NAME` holds one click command
called `cli`, made with the decorator `command` below. How a result looks as text is
the matter of `mlenv.cli.render.NAME`.
"""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from mlenv import __version__
from mlenv import progress as running
from mlenv.cli import completion, interruption, render
from mlenv.cli.interruption import Interrupted
from mlenv.machine import driver, settings
from mlenv.paths import venv_path
from mlenv.result import FAILED, WRONG_USAGE, MlenvError, Problem, Result, from_os_error

# name: (module below mlenv.cli.commands, one line of help)
COMMANDS = {
    "install": ("install", "Build the environment from a profile, or bring it up to date."),
    "status": ("status", "What is installed, its age and size, and what has drifted."),
    "version": ("version", "Every version that a bug report needs, and no names."),
    "rollback": ("rollback", "Switch to an earlier generation, or to what was there before."),
    "gc": ("gc", "Remove old generations that nobody uses."),
    "uninstall": ("uninstall", "Remove the environment; what was there before comes back."),
    "doctor": ("doctor", "Find out what is wrong with an environment, and mend it."),
    "explain": ("explain", "Name the known error in a log, why it happens and what to do."),
    "exec": ("exec_", "Run a command, or transcribe, with the right libraries."),
    "env": ("env", "Print the launch environment, for a shell or a program."),
    "shim": ("shim", "Give Jupyter, VS Code, systemd, Docker, .. the environment."),
    "lock": ("lock", "Pin every package of a profile, with its hashes."),
    "profiles": ("profiles", "What can be installed, on which machines, and why."),
    "bundle": ("bundle", "Collect all that an installation needs, for a machine without network."),
    "export": ("export", "Write a profile's pins for other tools: pylock, pip, Docker, conda."),
    "add": ("add", "Add packages to the environment without moving torch."),
    "remove": ("remove", "Take packages out again."),
    "verify": ("verify", "Prove with real speech that the environment works, and how well."),
    "models": ("models", "Where the models are, and whether they are the right ones."),
}


class CommandTable(click.Group):
    """Lists commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        loaded: click.Command = importlib.import_module(f"mlenv.cli.commands.{module}").cli
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            import difflib

            from mlenv.cli.commands import OF_EXEC

            known = {name: name for name in COMMANDS} | {name: f"exec {name}" for name in OF_EXEC}
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean `mlenv {known[near[0]]}`?" if near else ""
            raise click.UsageError(f"There is no command `{name}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def command(
    name: str, example: str, cls: type[click.Command] = click.Command
) -> Callable[[Callable[..., Result[Any]]], click.Command]:
    """Make a click command of a function that returns a `Result`; adds `--json` and `--help`.

    `example` closes the command's help: one command line, or several.
    """

    def decorate(function: Callable[..., Result[Any]]) -> click.Command:
        made = click.command(
            name,
            cls=cls,
            epilog="\b\nExamples:\n" + "\n".join(f"  {line}" for line in example.splitlines()),
            context_settings={"help_option_names": ["-h", "--help"]},
        )(function)
        made.params.append(
            click.Option(
                ["--json", "as_json"],
                is_flag=True,
                expose_value=False,
                help="Print one JSON document and nothing else.",
            )
        )
        return made

    return decorate


def _expand_venv(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Path:
    venv = venv_path(value, os.environ)
    interruption.remember(venv)
    return venv


def complete_profile(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The shipped profiles and the user's own, for the shell's completion."""
    from mlenv.environment.generations import own_profiles
    from mlenv.environment.lockfile import profiles

    venv = _ctx.params.get("venv") or venv_path(None, os.environ)
    names = sorted({*profiles.names(), *own_profiles.of(venv)})
    return [name for name in names if name.startswith(incomplete)]


venv_option = click.option(
    "--venv",
    metavar="DIR",
    callback=_expand_venv,
    shell_complete=completion.folders,
    help="The environment (default: $MLENV_VENV, else ~/.venvs/ml).",
)


no_wait_option = click.option(
    "--no-wait", is_flag=True, help="End at once where another mlenv is changing it."
)


def consent_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that asks before it spends or takes away much."""
    asked = click.option(
        "--yes", is_flag=True, help="Don't ask; without a terminal what would be asked needs it."
    )
    return click.option("--dry-run", is_flag=True, help="Only show what would change.")(
        asked(function)
    )


own_profiles_option = click.option(
    "--venv",
    metavar="DIR",
    callback=_expand_venv,
    shell_complete=completion.folders,
    help="The environment whose own profiles have names here (default: as for `install`).",
)


@click.group(
    cls=CommandTable,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  mlenv install\n  mlenv doctor\n  mlenv exec transcribe talk.m4a",
)
@click.version_option(__version__, prog_name="mlenv")
def mlenv() -> None:
    """Provision, check and run a shared GPU environment for speech.

    `install` builds it from pinned profiles, `doctor` finds out what is wrong with it,
    `exec` runs programs in it with the right libraries.
    """


def main(arguments: Sequence[str]) -> int:
    """Run one command line and print its result; returns the exit code."""
    arguments = _version_in_full(arguments)
    as_json = "--json" in _before_separator(arguments)
    name = next((word for word in arguments if not word.startswith("-")), "mlenv")
    if completion.COMPLETE in os.environ:
        completion.register()
    interruption.heed_signals()
    progress = render.progress.for_people(as_json=as_json)
    running.begin(progress)
    result: Result[Any]
    try:
        returned: Any = mlenv.main(
            list(arguments), prog_name="mlenv", standalone_mode=False, obj=progress
        )
    except click.exceptions.NoArgsIsHelpError as error:
        render.say(error.format_message())
        return WRONG_USAGE
    except click.UsageError as error:
        result = Result(name, exit_code=WRONG_USAGE, errors=(_usage(error),))
    except click.ClickException as error:
        result = Result(name, exit_code=FAILED, errors=(Problem("failed", error.format_message()),))
    except (click.Abort, KeyboardInterrupt) as error:
        signalled = error.__cause__ if isinstance(error, click.Abort) else error
        code = 128 + signal.SIGINT
        if isinstance(signalled, Interrupted):
            code = signalled.exit_code
        result = interruption.result(name, code)
    except MlenvError as error:
        result = error.result(name)
    except OSError as error:
        result = from_os_error(error).result(name)
    else:
        if not isinstance(returned, Result):  # --help and --version have printed already
            return returned if isinstance(returned, int) else 0
        result = returned
    finally:
        progress.close()
    return render.emit(_with_warnings(result), as_json=as_json)


def _with_warnings(result: Result[Any]) -> Result[Any]:
    """Add what concerns every command: a variable that nobody reads, a driver that hangs."""
    more = [*settings.unknown_variables(), *filter(None, [driver.unanswered()])]
    return result._replace(warnings=(*result.warnings, *more)) if more else result


def _version_in_full(arguments: Sequence[str]) -> Sequence[str]:
    """`mlenv --version --verbose` is `mlenv version`."""
    if "--version" not in arguments[:2] or not {"--verbose", "-v"} & {*arguments[:2]}:
        return arguments
    return ["version", *arguments[2:]]


def _before_separator(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _usage(error: click.UsageError) -> Problem:
    message, path = error.format_message(), error.ctx.command_path if error.ctx else "mlenv"
    if error.ctx and isinstance(error, click.MissingParameter) and (known := _candidates(error)):
        name = error.param.human_readable_name if error.param else ""
        message = f"`{path}` needs {name}. There are: {', '.join(known)}."
    return Problem("usage", message, hint=f"Try `{path} --help`.")


def _candidates(error: click.MissingParameter) -> list[str]:
    """The values of a missing parameter, as its completion has them."""
    if error.param is None or error.ctx is None:
        return []
    return [item.value for item in error.param.shell_complete(error.ctx, "") if item.value]
