"""The launch environment as commands of a shell."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv import shims
from mlenv.result import Result


def lines(result: Result) -> Iterator[str]:
    export = shims.SHELLS[result.view["shell"]]
    for name, value in result.data["env"].items():
        yield export(name, value)
