"""Text of `mlenv gc`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlenv import paths
from mlenv.cli.render.install import size
from mlenv.cli.render.style import dim, green, yellow

if TYPE_CHECKING:
    from mlenv.cli.commands.gc import Collected


def lines(collected: Collected) -> Iterator[str]:
    """Generations that were removed, and those that stay because they are in use."""
    place = paths.aimed(collected.venv)
    done = green("removed") if not collected.dry_run else yellow("would remove")
    for name in collected.removed:
        yield f"{done}  {name}"
    for row in collected.in_use:
        pids = ", ".join(map(str, row.pids))
        who = f"process {pids}" if pids else "a program of another user"
        yield f"{yellow('in use')}   {row.name} by {who}"
    if collected.in_use:
        yield dim(f"End what uses it, then `mlenv gc{place}` again.")
    freed = "freed" if not collected.dry_run else "to be freed. Nothing was changed."
    yield f"{size(collected.freed_bytes)} {freed}" if collected.removed else "nothing to remove"
    if not collected.removed:
        yield dim(f"`mlenv status{place}` lists what there is.")
    elif collected.dry_run:
        yield dim("Leave out --dry-run to do it.")
    else:
        yield dim("The rest is shared with uv's cache: `uv cache prune` frees what nobody uses,")
        yield dim("`uv cache clean` all of it; the next installation downloads it again.")
