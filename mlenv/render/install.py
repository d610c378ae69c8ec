"""What was installed, and what to do with it."""

from __future__ import annotations

from collections.abc import Iterator

from mlenv.render.style import bold, dim, green, yellow
from mlenv.result import Result


def lines(result: Result) -> Iterator[str]:
    data = result.data
    generation = data["generation"]
    what = f"{bold(data['profile'])} ({len(generation['distributions'])} packages)"
    if not data["changed"]:
        yield f"{green('up to date')}  {data['venv']} is {what}, generation {generation['name']}"
        return
    yield f"{green('installed')}  {data['venv']} is now {what} {dim(str(data['seconds']) + ' s')}"
    yield f"           profile: {data['why']}"
    if data["kept"]:
        yield f"{yellow('kept')}       what was there before is in {data['kept']}"
