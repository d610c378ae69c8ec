"""Where the environment points now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.style import bold, green
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    data = result.data
    what = bold(data["to"]) if data["managed"] else "what was there before mlenv"
    yield f"{green('switched')}  {data['venv']} is now {what}"
