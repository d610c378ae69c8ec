"""What was installed (or would be), and what to do with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.result import Result


def lines(result: Result[Any]) -> Iterator[str]:
    data = result.data
    if result.view.get("dry_run"):
        yield from _planned(data)
        return
    generation = data["generation"]
    what = f"{bold(data['profile'])} ({len(generation['distributions'])} packages)"
    if not data["changed"]:
        yield f"{green('up to date')}  {data['venv']} is {what}, generation {generation['name']}"
        return
    yield f"{green('installed')}  {data['venv']} is now {what} {dim(str(data['seconds']) + ' s')}"
    yield f"           profile: {data['why']}"
    yield from _passed_over(data)
    if data["kept"]:
        yield f"{yellow('kept')}       what was there before is in {data['kept']}"
    if "health" in data:
        yield from _first_look(data)


def _first_look(data: Mapping[str, Any]) -> Iterator[str]:
    for finding in data["health"]:
        mark = red(finding["outcome"]) if finding["outcome"] == "fail" else yellow("warning")
        yield f"{mark}    {finding['title']}"
        yield from (f"           {line}" for line in finding["evidence"][:2])
    if not data["health"]:
        yield f"{green('healthy')}    the doctor found nothing wrong with it"
    for row in data["transcription"]:
        if row["problem"]:
            continue
        where = f"{row['model']} on {row['device']} in {row['inference']:.1f} s"
        rate = f"word error rate {row['error_rate']:.3f}"
        yield f"{green('heard')}      the sample of {data['sample_seconds']:.0f} s: {where}, {rate}"
    if data["not_transcribed"]:
        yield f"{yellow('not tried')}  {data['not_transcribed']}"


def _planned(data: Mapping[str, Any]) -> Iterator[str]:
    if not data["changed"]:
        yield f"{green('up to date')}  {data['venv']} is {bold(data['profile'])}"
        return
    yield f"{bold('would install')} {data['profile']} at {data['venv']}: {data['why']}"
    yield from _passed_over(data)
    yield from changed(data["changes"])
    yield f"to download: {len(data['download'])} files, {size(data['download_bytes'])}" + (
        f" and {len(data['unknown_size'])} of unknown size" if data["unknown_size"] else ""
    )
    yield f"on disk:     about {size(data['disk_bytes'])} more, the rest is shared with uv's cache"
    yield dim("Nothing was changed.")


def changed(changes: Mapping[str, Any]) -> Iterator[str]:
    """One line a package that comes, goes or moves."""
    for name in changes["added"]:
        yield f"  {green('+')} {name}"
    for name in changes["removed"]:
        yield f"  {red('-')} {name}"
    for change in changes["changed"]:
        yield f"  {yellow('~')} {change['name']} {change['before']} -> {change['after']}"


def _passed_over(data: Mapping[str, Any]) -> Iterator[str]:
    for item in data["passed_over"]:
        yield f"           passed over {item['profile']}: {item['reason']}"


def size(count: int) -> str:
    """Bytes for people, in decimal units."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
