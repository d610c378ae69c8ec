"""The launch environment as commands of a shell."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv.result import Result
from mlenv.shims import exports


def lines(result: Result) -> Iterator[str]:
    yield from exports.commands(
        result.view["shell"], result.data["env"], tuple(result.view["removed"])
    )
