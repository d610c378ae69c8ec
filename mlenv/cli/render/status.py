"""Text of `mlenv status`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlenv import paths
from mlenv.cli.render.install import size
from mlenv.cli.render.style import bold, dim, green, red, yellow

if TYPE_CHECKING:
    from mlenv.cli.commands.status import Row, Status, Verified
    from mlenv.environment.generations import Generation


MAIN = ("torch", "ctranslate2", "faster_whisper", "pyannote_audio")


def lines(status: Status) -> Iterator[str]:
    """The environment, then its other generations and what was moved aside."""
    yield from _environment(status)
    if status.verified:
        yield from _test(status.verified, status.generation)
    for setting in status.settings:
        place = "set by" if setting.origin.startswith("$") else "in"
        yield f"{bold('default')}     {setting.name} {setting.value} ({place} {setting.origin})"
    if status.generations:
        yield bold("generations")
    yield from map(_generation, status.generations)
    for path in status.kept:
        yield f"    {path}  {dim('your previous environment; `mlenv rollback before` restores it')}"
    if status.generation:
        yield f"{bold('next')}        {_next(status)}"


def _next(status: Status) -> str:
    """The next step with an environment of mlenv's."""
    place = paths.aimed(status.venv)
    if status.drift:
        return f"`mlenv install{place}` makes it as its lock says"
    return f"`mlenv exec{place} COMMAND` starts a program in it, `mlenv doctor{place}` examines it"


def _test(verified: Verified, active: Generation | None) -> Iterator[str]:
    when = (verified.when or "")[:16].replace("T", " ")
    is_other = not active or verified.generation != active.name
    other = yellow(", with another generation") if is_other else ""
    outcome = red("failed") if verified.failures else "passed"
    yield f"{bold('last test')}   {outcome} {when} UTC{other}"
    yield from (f"            {line.splitlines()[0]}" for line in verified.failures)


def _environment(status: Status) -> Iterator[str]:
    active = status.generation
    if active is None:
        yield f"{yellow('none')}        {_absent(status)}"
        return
    yield f"{bold('environment')} {status.venv}"
    yield f"{bold('profile')}     {active.profile} ({len(active.distributions)} packages)"
    if main := _libraries(active.distributions):
        yield f"{bold('libraries')}   {main} (all: `mlenv version`)"
    yield f"{bold('generation')}  {active.name}, built {_ago(status.age_seconds)}"
    yield f"{bold('lock')}        {active.lock_path} ({active.lock_sha256[:12]})"
    newest = max(status.generations, key=lambda row: row.number, default=None)
    if newest and newest.number > active.number:
        back = f"you rolled back; the newest generation is {newest.name}"
        yield f"            {yellow(back)} (`mlenv rollback {newest.number}`)"
    elif status.lock_changed:
        changed = "the profile or its lock has changed since"
        yield f"            {yellow(changed)}: `mlenv install` brings it up to date"
    for line in status.drift:
        yield f"            {red('drift')}: {line}"
    if not status.drift:
        yield f"            {green('its packages are those it was built with')}"


def _libraries(distributions: Sequence[str]) -> str:
    """The versions that people ask for first."""
    versions = {name: version for name, _, version in (d.rpartition("-") for d in distributions)}
    return ", ".join(f"{name} {versions[name]}" for name in MAIN if name in versions)


def _absent(status: Status) -> str:
    if status.managed:
        return f"the record of {status.venv} can't be read."
    build = f"mlenv install{paths.aimed(status.venv)}"
    if not status.exists:
        return f"{status.venv} does not exist. Build one with `{build}`."
    return (
        f"{status.venv} was not made by mlenv. `{build}` moves it to "
        f"{status.venv}.before-mlenv and builds a new one."
    )


def _generation(row: Row) -> str:
    mark = green("*") if row.active else " "
    space = f"{size(row.bytes)} (removing it frees {size(row.own_bytes)})"
    return f"  {mark} {row.name}  {dim(row.created)}  {space}"


def _ago(seconds: int | None) -> str:
    if seconds is None:
        return "in the future, says the clock"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if (count := seconds // length) >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
