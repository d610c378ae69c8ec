"""The launch environment as commands of a shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.environment.launchers import exports
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    yield from exports.commands(
        result.view["shell"], result.data["env"], tuple(result.view["removed"])
    )
