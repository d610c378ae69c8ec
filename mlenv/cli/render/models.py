"""Models as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.style import bold, dim, green, red
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    part = result.view["part"]
    if part == "where":
        yield result.data["path"]
    elif part == "removed":
        for name, size in result.data["removed"].items():
            if size:
                yield f"removed {bold(name)}, {size / 1e6:.0f} MB"
            if name in result.view["forgotten"]:
                yield f"forgot {bold(name)}: its next use writes down what there is then"
    else:
        yield from _table(result)


def _table(result: Result[Any]) -> Iterator[str]:
    rows = result.data["models"]
    if not rows and not result.errors:
        yield "No model is here yet. `mlenv models pull base` fetches the default one."
    width = max((len(row["name"]) for row in rows), default=0)
    licences = max((len(row["licence"]) for row in rows), default=0)
    for row in rows:
        state = {"here": green("here   "), "wrong": red("wrong  ")}.get(
            row["state"], dim("missing")
        )
        name = bold(row["name"]) + " " * (width - len(row["name"]))
        default = " (default)" if row["name"] == result.data.get("default") else ""
        where = f"  {dim(row['path'])}" if row["path"] else ""
        yield (
            f"{state}  {name}  {row['bytes'] / 1e6:5.0f} MB  {row['licence']:{licences}}  "
            f"{row['title']}{default}{where}"
        )
