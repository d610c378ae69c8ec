"""The page of all commands and their options, from click's own table."""

from __future__ import annotations

from collections.abc import Iterator

import click

from documentation import markdown as md
from mlenv.cli.table import COMMANDS, mlenv

_TOP = """\
What `mlenv COMMAND --help` prints, on one page. `mlenv exec transcribe` has a command line of its
own: see [Options of transcribe](transcribe.md). `mlenv --version` prints the version.
"""


def markdown() -> str:
    """The whole page."""
    root = context(mlenv, None, "mlenv")
    parts = [md.head("Commands", _TOP), md.table(("command", ""), _overview())]
    for name in COMMANDS:
        command = mlenv.get_command(root, name)
        assert command is not None
        parts.extend(_section(command, context(command, root, name), "##"))
    return "\n".join(parts)


def context(command: click.Command, parent: click.Context | None, name: str) -> click.Context:
    """The context of a command, as for a command line without arguments."""
    return command.make_context(name, [], parent, resilient_parsing=True)


def _overview() -> Iterator[tuple[str, str]]:
    for name, (_, line) in COMMANDS.items():
        yield f"[`mlenv {name}`](#{md.slug(f'mlenv {name}')})", line


def _section(command: click.Command, ctx: click.Context, level: str) -> Iterator[str]:
    yield f"{level} `{ctx.command_path}`\n"
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield md.block(usage)
    yield md.prose(command.help or "")
    if options := [record for p in command.get_params(ctx) if (record := p.get_help_record(ctx))]:
        yield md.table(
            ("option", ""), ((md.code(names), md.plain(text)) for names, text in options)
        )
    if command.epilog:
        _, _, examples = command.epilog.partition("Examples:\n")
        yield md.block("\n".join(f"$ {line.strip()}" for line in examples.splitlines()), "console")
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from _section(below, context(below, ctx, name), level + "#")
