"""One line a lock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.style import bold, green, red, yellow
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    for row in result.data["locks"]:
        if row["problems"]:
            yield f"{red('no fit')}  {bold(row['profile'])}: {'; '.join(row['problems'])}"
            yield f"        mlenv lock {row['profile']}"
        else:
            state = "written" if row["changed"] else "fits"
            packages = f"{row['packages']} packages"
            asked = f", as {', '.join(row['compared'])} serves it" if row["compared"] else ""
            yield f"{green(state)}  {bold(row['profile'])}: {packages}{asked}, {row['path']}"
        for text in row["idle_overrides"]:
            yield f"{yellow('idle')}    the override {text} overrides nothing any more: take it out"
