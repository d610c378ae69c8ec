"""The entry point. `exec` and `env` are what other programs call: they must not import click."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; what a broken Python can't load is said in words."""
    try:
        _run(sys.argv[1:])
    except ImportError as error:
        from mlenv.cli import render
        from mlenv.result import from_import_error

        if (broken := from_import_error(error)) is None:
            raise
        sys.exit(render.emit(broken.result("mlenv"), as_json="--json" in sys.argv))


def _run(arguments: list[str]) -> None:
    if arguments[:1] == ["exec"] and arguments[1:2] not in (["--help"], ["-h"]):
        from mlenv.cli.commands.exec_ import main as run_exec

        sys.exit(run_exec(arguments[1:]))
    if arguments[:1] == ["env"]:
        from mlenv.cli.commands.env import main as print_env

        if (code := print_env(arguments[1:])) is not None:
            sys.exit(code)
    from mlenv.cli.table import main as run_cli

    code = run_cli(arguments)
    if sys.flags.inspect:  # PYTHONINSPECT: Python would show the exit as an error, and stay
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
