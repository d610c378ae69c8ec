"""Text of `mlenv rollback`."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv import paths
from mlenv.cli.commands.rollback import Planned, Switched
from mlenv.cli.render.install import changed, size
from mlenv.cli.render.style import bold, dim, green, yellow


def lines(switched: Switched) -> Iterator[str]:
    """The environment that is active now, or would be."""
    if isinstance(switched, Planned):
        yield f"{bold('would switch')} {switched.venv} to {switched.to} ({size(switched.bytes)})"
        yield from changed(switched.changes)
        yield from (f"  {yellow('!')} {text}" for text in switched.losses)
        yield dim("Nothing was changed: leave out --dry-run to do it.")
        return
    now = bold(switched.to) if switched.managed else "your previous environment"
    was = f"; before it was {switched.from_}" if switched.from_ else ""
    yield f"{green('switched')}  {switched.venv} is now {now}{was}"
    back = f"`mlenv rollback{paths.aimed(switched.venv)}"
    further = f"; {back} {switched.earlier[-1]}` goes further back" if switched.earlier else ""
    if switched.from_:
        yield dim(f"{back}` again goes back to {switched.from_}{further}.")
    else:
        yield dim(f"`mlenv status{paths.aimed(switched.venv)}` shows what is there.")
