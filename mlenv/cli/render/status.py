"""What is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlenv.cli.render.install import size
from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    data = result.data
    generation = data["generation"]
    if generation is None:
        what = "is not mlenv's" if data["exists"] else "does not exist"
        yield f"{yellow('none')}        {data['venv']} {what}. Build one with `mlenv install`."
    else:
        packages = f"{len(generation['distributions'])} packages"
        yield f"{bold('environment')} {data['venv']}"
        yield f"{bold('profile')}     {generation['profile']} ({packages})"
        yield f"{bold('generation')}  {generation['name']}, built {_ago(data['age_seconds'])}"
        yield f"{bold('lock')}        {generation['lock_path']} ({generation['lock_sha256'][:12]})"
        if data["lock_changed"]:
            changed = yellow("the profile or its lock has changed since")
            yield f"            {changed}: mlenv install"
        for line in data["drift"]:
            yield f"            {red('drift')}: {line}"
        if not data["drift"]:
            yield f"            {green('holds exactly what its lock names')}"
    if seen := data["verified"]:
        other = "" if generation and seen["generation"] == generation["name"] else " (another one)"
        yield f"{bold('verified')}    {seen['when']}{yellow(other)}"
    if data["generations"]:
        yield bold("generations")
    for row in data["generations"]:
        mark = green("*") if row["active"] else " "
        space = f"{size(row['bytes'])}, {size(row['own_bytes'])} of it its own"
        yield f"  {mark} {row['name']}  {dim(row['created'])}  {space}"
    for path in data["kept"]:
        yield f"    {path}  {dim('was there before; mlenv rollback before')}"


def _ago(seconds: int | None) -> str:
    if seconds is None:
        return "in the future, says the clock"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if (count := seconds // length) >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
