"""What was removed, and what was left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.install import size
from mlenv.cli.render.style import green, yellow
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    data = result.data
    for name in data["removed"]:
        yield f"{green('removed')}  {name}"
    for row in data["in_use"]:
        yield f"{yellow('in use')}   {row['name']} by process {', '.join(map(str, row['pids']))}"
    yield f"{size(data['freed_bytes'])} freed" if data["removed"] else "nothing to remove"
