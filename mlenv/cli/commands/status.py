"""`mlenv status`: what is installed, how old and large it is, and whether it has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from mlenv import paths
from mlenv.cli.table import command, venv_option
from mlenv.environment import generations
from mlenv.environment.generations import Generation, disk_usage, rollback
from mlenv.machine import settings
from mlenv.result import DONE, FAILED, MlenvError, Problem, Result, redacted


class Verified(Struct, frozen=True, kw_only=True):
    """The last receipt of `mlenv verify`: its time, and the generation it was made with.

    `failures`: what failed then; empty where it passed.
    """

    when: str | None
    generation: str | None
    failures: tuple[str, ...]


class Row(Struct, frozen=True, kw_only=True):
    """One generation. `own_bytes`: what removing it frees."""

    name: str
    number: int
    profile: str
    created: str
    active: bool
    bytes: int
    own_bytes: int


class Setting(Struct, frozen=True, kw_only=True):
    """A default of the user's that is in force, and the variable or file that it comes from."""

    name: str
    value: str
    origin: str


class Status(Struct, frozen=True, kw_only=True):
    """The document of `mlenv status`.

    `managed`: mlenv made what is at `venv`. `lock_changed`: the profile or its lock is another
    than at the installation. `kept`: directories that mlenv moved aside. `settings`: the user's
    own defaults, without names and passwords in addresses.
    """

    venv: str
    managed: bool
    exists: bool
    generation: Generation | None
    age_seconds: int | None
    lock_changed: bool
    drift: tuple[str, ...]
    verified: Verified | None
    generations: tuple[Row, ...]
    previous: str | None
    kept: tuple[str, ...]
    settings: tuple[Setting, ...]


@command("status", "mlenv status\nmlenv status --json")
@venv_option
def cli(venv: Path) -> Result[Status]:
    """Show the profile, generation and lock in use, other generations, and what has drifted.

    Sizes are bytes on disk; a generation shares most of its files with uv's cache. Exits with
    1 where there is no environment, or its packages don't match the lock.
    """
    errors = []
    try:
        active = generations.active(venv)
    except MlenvError as error:
        active = None
        errors.append(error.problem())
    damaged = generations.unreadable(venv)
    drift = active.drift() if active else ()
    previous = rollback.previous(venv)
    record = Status(
        venv=str(venv),
        managed=active is not None or bool(errors),
        exists=venv.exists(),
        generation=active,
        age_seconds=_age(active) if active else None,
        lock_changed=not active.inputs_unchanged() if active else False,
        drift=drift,
        verified=_verified(venv),
        generations=tuple(_row(g, active) for g in generations.all_of(venv)),
        previous=str(previous) if previous else None,
        kept=tuple(str(path) for path in rollback.kept(venv)),
        settings=_settings(),
    )
    code = DONE if active and not drift else FAILED
    warnings = tuple(e.message for e in damaged if e.problem() not in errors)
    in_text = not errors  # the text has them: the record of a generation is not in it
    return Result(
        "status", record, code, (*errors, *_problems(record, in_text)), warnings, in_text=in_text
    )


def _problems(status: Status, in_text: bool) -> Iterator[Problem]:
    """The reasons why the exit code is not 0, for programs."""
    if not in_text:
        return
    if status.generation is None and not status.exists:
        build = f"mlenv install{paths.aimed(status.venv)}"
        message = f"{status.venv} does not exist."
        yield Problem("no-environment", message, status.venv, f"Build one with `{build}`.")
    elif status.generation is None:
        yield Problem("not-managed", f"{status.venv} was not made by mlenv.", status.venv)
    for line in status.drift:
        again = f"`mlenv install{paths.aimed(status.venv)}` makes it as its lock says."
        yield Problem("drifted", line, status.venv, again)


def _settings() -> tuple[Setting, ...]:
    own = settings.load()
    values = {**own.values, **{f"{settings.INDEX}.{n}": url for n, url in own.index.items()}}
    return tuple(
        Setting(name=name, value=redacted(value), origin=own.origins[name])
        for name, value in values.items()
    )


def _verified(venv: Path) -> Verified | None:
    from mlenv.environment import receipts

    if (receipt := receipts.latest(venv)) is None:
        return None
    failures = receipts.failures(receipt)
    return Verified(when=receipt.when, generation=receipt.generation, failures=failures)


def _row(generation: Generation, active: Generation | None) -> Row:
    size = disk_usage.size(generation.path)
    return Row(
        name=generation.name,
        number=generation.number,
        profile=generation.profile,
        created=generation.created,
        active=active is not None and generation.path.samefile(active.path),
        bytes=size.total,
        own_bytes=size.own,
    )


def _age(generation: Generation) -> int | None:
    """Seconds since it was built; None where a clock was wrong, then or now."""
    age = datetime.now(UTC) - datetime.fromisoformat(generation.created)
    return int(age.total_seconds()) if age.total_seconds() >= 0 else None
