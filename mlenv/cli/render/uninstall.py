"""Text of `mlenv uninstall`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlenv.cli.render.style import green

if TYPE_CHECKING:
    from mlenv.cli.commands.uninstall import Uninstalled


def lines(uninstalled: Uninstalled) -> Iterator[str]:
    """Things that were removed, restored and kept."""
    count = len(uninstalled.removed)
    generations = f"{count} generation{'' if count == 1 else 's'}"
    yield f"{green('removed')}   {generations} of {uninstalled.venv}"
    if uninstalled.restored:
        yield f"{green('restored')}  your previous environment is back at {uninstalled.restored}"
    for path in uninstalled.left:
        yield f"{green('kept')}      the package lists that `mlenv add` wrote, in {path}"
