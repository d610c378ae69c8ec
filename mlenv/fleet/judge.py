"""Judge the snapshots of many hosts: each by itself, then all together."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from mlenv import files
from mlenv.doctor import examine, snapshot, verdict
from mlenv.doctor.examine import FindingDocument
from mlenv.fleet import compare, findings, sources, traits
from mlenv.fleet.documents import Counts, FileProblem, Fleet, Host
from mlenv.fleet.sources import NOT_READ, Source
from mlenv.progress import Progress
from mlenv.result import DONE, FAILED, NOT_DIAGNOSED, MlenvError

NOT_JUDGED = "not-judged"
MUCH_OLDER = 86_400.0  # seconds: snapshots of one round are taken within a day
WORST_FIRST: tuple[verdict.State, ...] = ("broken", "undiagnosed", "untried", "works", "healthy")


@dataclass(frozen=True, slots=True)
class Judged:
    """One host, judged by itself, and the time at which its snapshot was taken."""

    host: Host
    findings: tuple[FindingDocument, ...]
    traits: traits.Traits
    taken: datetime


def fleet(
    words: Sequence[str],
    only: Collection[str],
    skip: Collection[str],
    progress: Progress,
    *,
    strict: bool,
    now: datetime | None = None,
) -> tuple[Fleet, int]:
    """The report on the snapshots that files and directories come to, and its exit code.

    `only`, `skip`: ids of checks. `strict`: warnings and old snapshots count as failures.
    `now`: the present time, unless it is another.
    """
    listing = sources.listed(words)
    problems = list(listing.problems)
    judged: dict[str, Judged] = {}
    progress.step(f"Judging {verdict.many(len(listing.sources), 'snapshot')}")
    for number, source in enumerate(listing.sources, 1):
        result = _judged(source, only, skip, strict=strict)
        if isinstance(result, FileProblem):
            problems.append(result)
        else:
            judged[source.host] = result
        progress.detail(f"{number} of {len(listing.sources)}")
    progress.end()
    judged = dict(sorted(judged.items(), key=lambda item: natural(item[0])))
    hosts = sorted(_dated(judged, now or datetime.now(UTC)), key=_badness)
    compared = compare.compared(
        {name: each.traits for name, each in judged.items()},
        [host.host for host in hosts if host.state == "broken"],
    )
    counts = _counts(hosts, problems)
    record = Fleet(
        verdict=line(counts),
        counts=counts,
        hosts=tuple(hosts),
        findings=findings.grouped({name: each.findings for name, each in judged.items()}),
        differences=compared.differences,
        alike=compared.alike,
        problems=tuple(problems),
        passed_over=listing.passed_over,
    )
    return record, _exit_code(record, strict=strict)


def _exit_code(fleet: Fleet, *, strict: bool) -> int:
    """3 where no host could be diagnosed, 1 where any host or file is not as it should be."""
    codes = {host.exit_code for host in fleet.hosts}
    if not codes - {NOT_DIAGNOSED}:
        return NOT_DIAGNOSED
    outdated = strict and fleet.counts.outdated
    return FAILED if fleet.problems or codes != {DONE} or outdated else DONE


def _judged(
    source: Source, only: Collection[str], skip: Collection[str], *, strict: bool
) -> Judged | FileProblem:
    """One host, or why there is none."""
    try:
        content = files.read_bytes(Path(source.file))
        if not content.strip():
            return _unread(source, "it is empty")
        document, facts = snapshot.decoded(content, source.file)
    except OSError as error:
        return _unread(source, files.why(error))
    except MlenvError as error:
        return FileProblem(file=source.file, code=error.code, message=error.message)
    try:
        report = examine.judge(facts, only, skip)
        shown = [each for each in report.judged if each[1].outcome in findings.WORST_FIRST]
        own = examine.Report(facts, tuple(shown)).documents()
        taken, dated_by = _time(document, source.file)
        host = _host(source, report, document, taken, dated_by, report.exit_code(strict=strict))
        return Judged(host, own, traits.of(facts, document.mlenv), taken)
    except Exception as error:  # a bug of ours must not end the other hosts' judgement
        message = f"{source.file} could not be judged ({type(error).__name__}: {error})."
        return FileProblem(file=source.file, code=NOT_JUDGED, message=message)


def _unread(source: Source, why: str) -> FileProblem:
    message = f"{source.file} could not be read: {why}."
    return FileProblem(file=source.file, code=NOT_READ, message=message)


def _host(
    source: Source,
    report: examine.Report,
    document: snapshot.Snapshot,
    taken: datetime,
    dated_by: str,
    code: int,
) -> Host:
    count = Counter(finding.outcome for finding in report.findings)
    ids: dict[str, tuple[str, ...]] = {
        outcome: tuple(each.id for each in report.findings if each.outcome == outcome)
        for outcome in findings.WORST_FIRST
    }
    tried = report.facts.trial
    return Host(
        host=source.host,
        file=source.file,
        state=verdict.state(report.findings, tried),
        verdict=verdict.line(report.findings, tried),
        exit_code=code,
        fail=ids["fail"],
        crash=ids["crash"],
        warn=ids["warn"],
        unknown=ids["unknown"],
        ok=count["ok"],
        skip=count["skip"],
        not_tried={each.part: each.left_out for each in tried if each.left_out},
        unseen=report.facts.unseen,
        mlenv=document.mlenv,
        when=taken.isoformat(timespec="seconds"),
        dated_by=dated_by,
    )


def _time(document: snapshot.Snapshot, file: str) -> tuple[datetime, str]:
    """The time at which a snapshot was taken, or its file written, and which of the two."""
    try:
        when = datetime.fromisoformat(document.when)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC), "snapshot"
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(os.stat(file).st_mtime, UTC), "file"  # noqa: PTH116


def _dated(judged: Mapping[str, Judged], now: datetime) -> Iterator[Host]:
    """The hosts; those whose snapshots are much older than the newest say by how much.

    One that is dated after now has a wrong clock, and no other is measured by it.
    """
    latest = now + timedelta(seconds=MUCH_OLDER)
    times = [each.taken for each in judged.values()]
    newest = max((each for each in times if each <= latest), default=now)
    for each in judged.values():
        behind = (newest - each.taken).total_seconds()
        far = behind > MUCH_OLDER or each.taken > latest
        yield replace(each.host, behind=round(behind)) if far else each.host


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """The place of a name in an order in which gpu9 comes before gpu10."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


def _badness(host: Host) -> tuple[int, int, int, int]:
    """The worst first; those that are alike stay in the order of their names."""
    state = WORST_FIRST.index(host.state)
    return state, -len(host.fail), -len(host.crash), -len(host.warn)


def _counts(hosts: Sequence[Host], problems: Sequence[FileProblem]) -> Counts:
    states = Counter(host.state for host in hosts)
    return Counts(
        healthy=states["healthy"],
        works=states["works"],
        untried=states["untried"],
        undiagnosed=states["undiagnosed"],
        broken=states["broken"],
        unreadable=sum(each.code in (NOT_READ, NOT_JUDGED) for each in problems),
        outdated=sum(host.behind is not None for host in hosts),
    )


def line(counts: Counts) -> str:
    """The verdict on all hosts, in words."""
    parts = (
        (counts.broken, "broken"),
        (counts.undiagnosed, "could not be diagnosed"),
        (counts.untried, "not known to work"),
        (counts.works, "working with warnings"),
        (counts.healthy, "healthy"),
    )
    hosts = sum(number for number, _ in parts)
    each = ", ".join(f"{number} {words}" for number, words in parts if number)
    text = f"{verdict.many(hosts, 'host')}: {each}" if hosts else "No host could be judged"
    if counts.unreadable:
        text += f"; {verdict.many(counts.unreadable, 'snapshot')} could not be judged"
    if counts.outdated:
        text += f"; {verdict.many(counts.outdated, 'snapshot')} of another day"
    return text
