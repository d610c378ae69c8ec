"""What is gone, what is back, what stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.style import green
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    data = result.data
    yield f"{green('removed')}   {len(data['removed'])} generations of {data['venv']}"
    if data["restored"]:
        yield f"{green('restored')}  what was there before mlenv is back at {data['restored']}"
    for path in data["left"]:
        yield f"{green('left')}      your own profiles in {path}"
