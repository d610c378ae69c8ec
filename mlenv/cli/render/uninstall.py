"""Text of `mlenv uninstall`."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv import paths
from mlenv.cli.commands.uninstall import Planned, Uninstalled
from mlenv.cli.render.install import size
from mlenv.cli.render.style import dim, green, yellow


def lines(uninstalled: Uninstalled | Planned) -> Iterator[str]:
    """Things that were removed, restored and kept, or would be."""
    if isinstance(uninstalled, Planned):
        yield from _planned(uninstalled)
        return
    count = len(uninstalled.removed)
    generations = f"{count} generation{'' if count == 1 else 's'}"
    yield f"{green('removed')}   {generations} of {uninstalled.venv}"
    if uninstalled.restored:
        yield f"{green('restored')}  your previous environment is back at {uninstalled.restored}"
    for path in uninstalled.left:
        yield f"{green('kept')}      the package lists that `mlenv add` wrote, in {path}"
    yield f"{green('kept')}      models (`mlenv models`) and uv's cache (`uv cache clean`)"
    yield from _launchers(uninstalled, "still there")
    yield dim(f"`mlenv install{paths.aimed(uninstalled.venv)}` builds the environment again.")


def _planned(plan: Planned) -> Iterator[str]:
    for row in plan.generations:
        frees = f"{size(row.bytes)}, removing it frees {size(row.own_bytes)}"
        yield f"{yellow('would remove')}  {row.name} ({frees})"
    if plan.restores:
        yield f"{green('would restore')} {plan.restores} at {plan.venv}"
    yield from _launchers(plan, "would lead to nothing")
    yield dim("Nothing was changed: leave out --dry-run to do it.")


def _launchers(record: Uninstalled | Planned, state: str) -> Iterator[str]:
    for name, files in record.launchers.items():
        yield from (f"{yellow(state)}  {name}: {file}" for file in files)
    if record.launchers:
        yield dim(f"`mlenv shim remove {' '.join(record.launchers)}` takes back what starts it.")
    yield dim("Other folders' workspaces are not looked through: `mlenv shim remove --help`.")
