"""The launchers that are set up for an environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO

from mlenv.cli.render.style import bold, dim, green, yellow
from mlenv.environment.launchers.launcher import PASTE
from mlenv.result import Result

_COLOURS: Mapping[str, Callable[[str, TextIO | None], str]] = {
    "installed": green,
    "outdated": yellow,
    "unknown": yellow,
}
_MANY = 3


def lines(result: Result[Any]) -> Iterator[str]:
    action = result.data["action"]
    for shim in result.data["shims"]:
        colour = _COLOURS.get(shim["state"], dim)
        word = _word(action, shim["state"], changed=shim["changed"])
        yield f"{bold(shim['launcher'].ljust(13))} {colour(word.ljust(17), None)} {shim['title']}"
        yield from _details(shim, listing=action == "list")


def _word(action: str, state: str, *, changed: bool) -> str:
    if action == "list" or state == PASTE:
        return str(state)
    if action == "remove":
        return "removed" if changed else "nothing to remove"
    return str(state) if changed else f"{state} already"


def _details(shim: Mapping[str, Any], *, listing: bool) -> Iterator[str]:
    files = shim["files"]
    for file in files[:_MANY]:
        yield f"    {file}"
    if len(files) > _MANY:
        yield f"    and {len(files) - _MANY} more beside it"
    if shim["todo"] and (not listing or shim["state"] == "unknown"):
        yield f"    {shim['todo']}"
    if shim["paste"]:
        yield f"\n{shim['paste']}\n"
