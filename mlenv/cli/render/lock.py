"""Text of `mlenv lock`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlenv.cli.render.style import bold, dim, green, red, yellow

if TYPE_CHECKING:
    from mlenv.cli.commands.lock import Locks


def lines(locks: Locks) -> Iterator[str]:
    """One line for each lock."""
    for row in locks.locks:
        if row.problems:
            yield f"{red('no fit')}  {bold(row.profile)}: {'; '.join(row.problems)}"
            yield f"        mlenv lock {row.spelled}"
        else:
            state = "written" if row.changed else "fits"
            compared = f", compared with {', '.join(row.compared)}" if row.compared else ""
            packages = f"{row.packages} packages{compared}"
            yield f"{green(state)}  {bold(row.profile)}: {packages}, {row.path}"
        for text in row.idle_overrides:
            yield f"{yellow('unused')}  the override {text} has no effect any more; remove it"
    fitting = [row.spelled for row in locks.locks if not row.problems]
    if len(fitting) == len(locks.locks) == 1:
        yield dim(f"`mlenv install {fitting[0]}` builds it.")
    elif len(fitting) == len(locks.locks):
        yield dim("`mlenv install PROFILE` builds one of them.")
