"""Text of `mlenv rollback`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlenv.cli.render.style import bold, green

if TYPE_CHECKING:
    from mlenv.cli.commands.rollback import Switched


def lines(switched: Switched) -> Iterator[str]:
    """The environment that is active now."""
    now = bold(switched.to) if switched.managed else "your previous environment"
    yield f"{green('switched')}  {switched.venv} is now {now}"
