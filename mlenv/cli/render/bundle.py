"""What was collected, and how to use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.install import size
from mlenv.cli.render.style import bold, green
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    data = result.data
    held = f"{len(data['files'])} files" + (f", {', '.join(data['models'])}" * bool(data["models"]))
    yield (
        f"{green('bundled')}  {bold(data['profile'])} for {data['platform']}, "
        f"Python {data['python']}: {held}, {size(data['bytes'])} in {data['path']}"
    )
    yield f"         mlenv install --from {data['path']}"
