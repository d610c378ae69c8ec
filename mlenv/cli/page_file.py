"""`--html FILE`: the report of a command as a web page too."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from mlenv.files import check_writable, write_atomically
from mlenv.result import MlenvError, Problem

Record = TypeVar("Record", bound=Struct)


EXAMPLES = {"--html": "report.html", "--snapshot": "facts.json"}


def checked(_ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    """The file; raises an error, before any work, where none can be written there."""
    if value is None:
        return None
    if value in ("", "-"):
        option = param.opts[0]
        raise click.UsageError(
            f"{option} writes a file: name it, such as {option} {EXAMPLES[option]}."
        )
    path = Path(os.path.realpath(value))  # what a link leads to is written, not the link
    check_writable(path)
    return path


html_option = click.option(
    "--html",
    "page_file",
    metavar="FILE",
    callback=checked,
    help="Write the report as a web page too: one file, for any browser.",
)


def with_page(
    record: Record, path: Path | None, page: Callable[[Record], str]
) -> tuple[Record, tuple[Problem, ...]]:
    """Write a record's page; returns the record with `html`, and the error if that failed."""
    if path is None:
        return record, ()
    try:
        write_atomically(path, page(record))
    except MlenvError as error:  # the report is worth more than its page
        return replace(record, html=None), (error.problem(),)
    return replace(record, html=str(path)), ()
