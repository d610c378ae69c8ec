"""The entry point. `exec` is on the path of every recording: it must not import click."""

from __future__ import annotations

import sys


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["exec"] and arguments[1:2] not in (["--help"], ["-h"]):
        from mlenv.commands.exec_ import main as run_exec

        sys.exit(run_exec(arguments[1:]))
    from mlenv.cli import main as run_cli

    sys.exit(run_cli(arguments))


if __name__ == "__main__":
    main()
