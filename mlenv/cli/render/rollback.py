"""Text of `mlenv rollback`."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv.cli.commands.rollback import Planned, Switched
from mlenv.cli.render.install import changed, size
from mlenv.cli.render.style import bold, dim, green, yellow


def lines(switched: Switched) -> Iterator[str]:
    """The environment that is active now, or would be."""
    if isinstance(switched, Planned):
        yield f"{bold('would switch')} {switched.venv} to {switched.to} ({size(switched.bytes)})"
        yield from changed(switched.changes)
        yield from (f"  {yellow('!')} {text}" for text in switched.losses)
        yield dim("Nothing was changed.")
        return
    now = bold(switched.to) if switched.managed else "your previous environment"
    yield f"{green('switched')}  {switched.venv} is now {now}"
