"""The exported file itself, or where it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.style import green
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    data = result.data
    if data["path"]:
        yield f"{green('written')}  {data['path']}"
    else:
        yield data["content"].removesuffix("\n")
