"""Text of `mlenv shim`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TextIO

from mlenv import paths
from mlenv.cli.render.style import bold, dim, green, yellow
from mlenv.environment.launchers.launcher import PASTE

if TYPE_CHECKING:
    from mlenv.cli.commands.shim import Row, Shims

_COLOURS: Mapping[str, Callable[[str, TextIO | None], str]] = {
    "installed": green,
    "outdated": yellow,
    "unknown": yellow,
}
_MANY = 3


def lines(shims: Shims) -> Iterator[str]:
    """One line for each launcher, and its files."""
    for shim in shims.shims:
        colour = _COLOURS.get(shim.state, dim)
        word = _word(shims.action, shim.state, changed=shim.changed)
        yield f"{bold(shim.launcher.ljust(13))} {colour(word.ljust(17), None)} {shim.title}"
        yield from _details(shim, listing=shims.action == "list")
    yield dim(_next(shims))


def _next(shims: Shims) -> str:
    """The next step after it."""
    place = paths.aimed(shims.venv)
    if shims.action == "install":
        return f"`mlenv shim list{place}` shows it; `shim remove` takes it back."
    if shims.action == "remove":
        return f"`mlenv shim list{place}` shows what is left."
    return "`mlenv shim install NAME` sets one up, or brings it up to date."


def _word(action: str, state: str, *, changed: bool) -> str:
    if action == "list" or state == PASTE:
        return state
    if action == "remove":
        return "removed" if changed else "nothing to remove"
    return state if changed else f"{state} already"


def _details(shim: Row, *, listing: bool) -> Iterator[str]:
    for file in shim.files[:_MANY]:
        yield f"    {file}"
    if len(shim.files) > _MANY:
        yield f"    and {len(shim.files) - _MANY} more beside it"
    if shim.todo and (not listing or shim.state == "unknown"):
        yield f"    {shim.todo}"
    if shim.paste:
        yield f"\n{shim.paste}\n"
