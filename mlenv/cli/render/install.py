"""Text of `mlenv install`, and what other commands show of an installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlenv import paths
from mlenv.cli.commands.install import Checked
from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.environment.install.build import Installed
from mlenv.environment.install.dry_run import DryRun

if TYPE_CHECKING:
    from mlenv.environment.install.changes import Changes
    from mlenv.environment.install.select import PassedOver


def lines(record: Installed | DryRun) -> Iterator[str]:
    """Text of an installation, or of a dry run."""
    if isinstance(record, DryRun):
        yield from planned(record, "would install")
        return
    generation, place = record.generation, paths.aimed(record.venv)
    what = f"{bold(record.profile)} ({len(generation.distributions)} packages)"
    if not record.changed:
        yield f"{green('up to date')}  {record.venv} is {what}, generation {generation.name}"
        if record.unused_indexes:
            names = ", ".join(record.unused_indexes)
            unused = f"--index {names} was not asked: nothing had to be fetched"
            yield f"            {yellow(unused)}"
        yield f"{bold('next')}        `mlenv exec{place} COMMAND` starts a program in it"
        return
    yield f"{green('installed')}  {record.venv} is now {what} {dim(str(record.seconds) + ' s')}"
    yield f"           profile chosen: {record.why}"
    yield from _passed_over(record.passed_over)
    if record.kept:
        back = f"`mlenv rollback before{place}` brings it back"
        yield f"{yellow('kept')}       your previous environment, now {record.kept} ({back})"
    if isinstance(record, Checked):
        yield from _checked(record)
    else:
        yield _started(place)


def _checked(record: Checked) -> Iterator[str]:
    for finding in record.health:
        mark = red(finding.outcome) if finding.outcome == "fail" else yellow("warning")
        yield f"{mark}    {finding.title}"
        yield from (f"           {line}" for line in finding.evidence[:2])
    if not record.health and record.tried:
        tried = ", ".join(record.tried)
        yield f"{green('healthy')}    the doctor found nothing wrong with it ({tried} tried)"
    for row in record.transcription:
        if row.problem or row.error_rate is None:
            continue
        device = "the GPU" if row.device == "cuda" else "the CPU"
        limit = f"(limit {100 * (row.limit or 0):.0f} %)"
        wrong = f"{100 * row.error_rate:.1f} % of words wrong {limit}"
        yield (
            f"{green('tested')}     a {record.sample_seconds:.0f} s recording, transcribed with "
            f"{row.model} on {device} in {row.inference:.1f} s, {wrong}"
        )
    if record.not_transcribed:
        yield f"{yellow('not tested')} {record.not_transcribed}"
    place = paths.aimed(record.venv)
    if record.transcription:
        both = f"`mlenv exec{place} transcribe talk.m4a`, or `mlenv exec{place} COMMAND`"
        yield f"{bold('next')}       {both}"
    else:
        yield _started(place)


def _started(place: str) -> str:
    return f"{bold('next')}       `mlenv exec{place} COMMAND` starts a program in it"


def planned(plan: DryRun, head: str) -> Iterator[str]:
    """Text of a dry run."""
    if not plan.changed:
        yield f"{green('up to date')}  {plan.venv} is {bold(plan.profile)}"
        yield dim(f"`mlenv exec{paths.aimed(plan.venv)} COMMAND` starts a program in it.")
        return
    yield f"{bold(head)} {plan.profile} at {plan.venv}: {plan.why}"
    yield from _passed_over(plan.passed_over)
    yield from changed(plan.changes)
    yield from (f"  {yellow('!')} {text}" for text in plan.losses)
    unknown = f" and {len(plan.unknown_size)} of unknown size" if plan.unknown_size else ""
    yield f"to download: {len(plan.download)} files, {size(plan.download_bytes)}{unknown}"
    rest = "the rest is shared with uv's cache"
    rest = rest if plan.linked else "copied from uv's cache, which is on another file system"
    yield f"on disk:     about {size(plan.disk_bytes)} more, {rest}"
    yield dim("Nothing was changed: leave out --dry-run to do it.")


def changed(changes: Changes) -> Iterator[str]:
    """One line for each package that was added, removed or changed."""
    for name in changes.added:
        yield f"  {green('+')} {name}"
    for name in changes.removed:
        yield f"  {red('-')} {name}"
    for change in changes.changed:
        yield f"  {yellow('~')} {change.name} {change.before} -> {change.after}"


def _passed_over(passed_over: Sequence[PassedOver]) -> Iterator[str]:
    for item in passed_over:
        yield f"           not chosen: {item.profile} ({item.reason})"


def size(count: int) -> str:
    """Bytes for people, in decimal units."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
