"""What came, and what went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.install import changed
from mlenv.cli.render.style import bold, dim, green
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    data = result.data
    if not data["changed"]:
        yield f"{green('up to date')}  {data['venv']} holds it already"
        return
    seconds = dim(f"{data['seconds']} s")
    yield f"{green('changed')}  {data['venv']} is now {bold(data['profile'])} {seconds}"
    yield from changed(data["changes"])
    yield dim("`mlenv rollback` goes back.")
