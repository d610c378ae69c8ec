"""Text of `mlenv export`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlenv.cli.render.style import green

if TYPE_CHECKING:
    from mlenv.cli.commands.export import Exported


def lines(exported: Exported) -> Iterator[str]:
    """The exported text itself, or the path of its file."""
    if exported.path:
        yield f"{green('written')}  {exported.path}"
    else:
        yield (exported.content or "").removesuffix("\n")
