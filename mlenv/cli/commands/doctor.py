"""`mlenv doctor`: find out what is wrong with an environment, and repair it."""

from __future__ import annotations

import difflib
import errno
import os
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import click
from msgspec import UNSET
from msgspec.structs import replace as changed

from mlenv import files
from mlenv.cli import completion
from mlenv.cli.commands import doctor_fleet
from mlenv.cli.page_file import checked, html_option, with_page
from mlenv.cli.table import command, venv_option
from mlenv.doctor import examine, fix, knowledge, snapshot, verdict
from mlenv.doctor.checks import CHECKS
from mlenv.doctor.documents import CheckRow, Checks, Diagnosed, DoneStep, Fix, Step
from mlenv.doctor.facts import Facts, target
from mlenv.fleet.documents import Fleet
from mlenv.machine import people
from mlenv.paths import venv_path
from mlenv.progress import Progress
from mlenv.result import DONE, FAILED, NOT_DIAGNOSED, MlenvError, Problem, Result
from mlenv.speech import trial

_IDS = tuple(check_id for check in CHECKS for check_id in check.ids)


@command(
    "doctor",
    "mlenv doctor\n"
    "mlenv doctor --fix\n"
    "mlenv doctor --python ./venv/bin/python\n"
    "mlenv doctor --html report.html\n"
    "mlenv doctor --snapshot facts.json      (there)\n"
    "mlenv doctor --from facts.json          (here)\n"
    "mlenv doctor --from hosts/              (a directory of HOST.json: many hosts)",
)
@click.argument("ids", metavar="[ID]..", nargs=-1, shell_complete=completion.checks)
@click.option("--list", "listed", is_flag=True, help="List all checks and end.")
@click.option(
    "--only",
    multiple=True,
    metavar="ID",
    shell_complete=completion.checks,
    help="Run this check only (as ID does).",
)
@click.option(
    "--skip",
    multiple=True,
    metavar="ID",
    shell_complete=completion.checks,
    help="Leave this check out.",
)
@click.option("--quick", is_flag=True, help="Files, driver, and whether the transcriber starts.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option(
    "--python",
    metavar="EXE",
    shell_complete=completion.files,
    help="Examine the environment of this interpreter.",
)
@click.option(
    "--fix", "mend", is_flag=True, help="Repair what can be repaired, then examine again."
)
@click.option("--dry-run", is_flag=True, help="With --fix: show the plan, do nothing.")
@click.option("--yes", is_flag=True, help="With --fix: don't ask.")
@click.option(
    "--snapshot",
    "save",
    metavar="FILE",
    callback=checked,
    shell_complete=completion.files,
    help="Write all facts to a file.",
)
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="FILE|DIR",
    shell_complete=completion.files,
    help="Judge a snapshot (- for standard input); several, or a DIR of HOST.json, together.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every check and its evidence.")
@html_option
@venv_option
@click.pass_obj
def cli(
    progress: Progress,
    venv: Path,
    ids: tuple[str, ...],
    listed: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    quick: bool,
    strict: bool,
    python: str | None,
    mend: bool,
    dry_run: bool,
    yes: bool,
    save: Path | None,
    sources: tuple[str, ...],
    verbose: bool,
    page_file: Path | None,
) -> Result[Diagnosed] | Result[Checks] | Result[Fleet]:
    """Find out what is wrong with an environment, why, and what to do.

    Needs nothing of the environment it examines. Exit code: 0 nothing fails, 1 something
    fails, 2 wrong usage, 3 it could not be diagnosed.
    """
    if listed and page_file:
        raise click.UsageError("--list has no page: it goes with no --html.")
    if listed:
        return _list()
    ids, sources = doctor_fleet.split(ids, sources, _IDS)
    only, skip = _checked((*ids, *only)), _checked(skip)
    if sources and (mend or save or python):
        raise click.UsageError("--from judges a file: it goes with no --fix, --snapshot, --python.")
    if (dry_run or yes) and not mend:
        raise click.UsageError("--dry-run and --yes go with --fix.")
    if doctor_fleet.is_several(sources):
        return doctor_fleet.judged(
            sources, only, skip, progress,
            quick=quick, strict=strict, verbose=verbose, page_file=page_file,
        )  # fmt: skip
    show = _Show(verbose, _named(venv, python), strict, page_file=page_file)
    if sources:
        return show.result(examine.judge(_snapshot(sources[0]), only, skip), ())
    examined = _target(venv, python)
    report = examine.examine(examined, only, skip=skip, job=trial.job(), quick=quick)
    if save:
        show = _saved(show, report.facts, save)
    steps = fix.plan(report.facts, report.findings, examined)
    fixable = {check_id for step in steps for check_id in step.ids}
    if not mend:
        return show.result(report, fixable)
    plan = tuple(map(_step, steps))
    found = report.documents(fixable, show.named)
    bad = tuple(finding for finding in found if finding.outcome in ("fail", "crash", "warn"))
    planned = Fix(before=bad, plan=plan, done=())
    if dry_run or not steps:
        return show.result(report, fixable, planned)

    from mlenv.cli.render import doctor as shown

    if not yes and not shown.confirmed(plan):
        return replace(show, declined=True).result(report, fixable, planned)
    done = tuple(_done(each) for each in fix.carry_out(steps, progress))
    show = replace(show, begun=time.monotonic())
    examined = _target(venv, python)  # what was built again is elsewhere
    again = examine.examine(examined, only, skip=skip, job=trial.job(), quick=quick)
    left = fix.plan(again.facts, again.findings, examined)
    fixable = {check_id for step in left for check_id in step.ids}
    return show.result(again, fixable, changed(planned, done=done))


def _saved(show: _Show, facts: Facts, file: Path) -> _Show:
    """Write the snapshot; the report is worth more than that, so a failure stands below it."""
    try:
        snapshot.save(facts, file, people.homes(), people.users())
    except MlenvError as error:
        return replace(show, unsaved=(error.problem(),))
    return replace(show, saved=str(file))


def _target(venv: Path, python: str | None) -> target.Target:
    return target.of_python(python, os.environ.get("PATH")) if python else target.of_venv(venv)


def _named(venv: Path, python: str | None) -> tuple[str, ...]:
    """The words that name the environment on a command line, if it is not the default one."""
    if python:
        return ("--python", python)
    try:
        usual = venv_path(None, os.environ)
    except MlenvError:  # there is no home
        return ("--venv", str(venv))
    return () if venv == usual else ("--venv", str(venv))


@dataclass(frozen=True)
class _Show:
    """Options of the text, and the words that name the environment."""

    verbose: bool
    named: tuple[str, ...]
    strict: bool
    begun: float = field(default_factory=time.monotonic)
    saved: str = ""
    declined: bool = False
    page_file: Path | None = None
    unsaved: tuple[Problem, ...] = ()

    def result(
        self, report: examine.Report, fixable: Collection[str], fixed: Fix | None = None
    ) -> Result[Diagnosed]:
        from mlenv.cli.render import doctor as shown

        tried = report.facts.trial
        record = Diagnosed(
            verdict=verdict.line(report.findings, tried),
            tried=tuple(each.part for each in tried if not each.left_out),
            not_tried={each.part: each.left_out for each in tried if each.left_out},
            findings=report.documents(fixable, self.named),
            facts=report.facts,
            fix=UNSET if fixed is None else fixed,
        )
        layout = shown.Layout(
            topics=tuple(check.topic for check, _ in report.judged),
            seconds=time.monotonic() - self.begun,
            verbose=self.verbose,
            named=self.named,
            saved=self.saved,
            declined=self.declined,
        )
        code = report.exit_code(strict=self.strict)
        problems = tuple(_problems(record, strict=self.strict)) if code else ()
        errors = self.unsaved
        if self.page_file:
            from mlenv.cli.render import doctor_page  # its library is loaded for pages only

            page = partial(doctor_page.page, layout=layout)
            record, unwritten = with_page(record, self.page_file, page)
            errors = (*errors, *unwritten)
        problems = (*problems, *errors)
        code = code or (FAILED if errors else DONE)
        lines, messages = partial(shown.report, record, layout), tuple(e.message for e in errors)
        return Result("doctor", record, code, problems, messages, lines=lines, in_text=True)


def _problems(diagnosed: Diagnosed, *, strict: bool) -> Iterator[Problem]:
    """The findings that the exit code stands for."""
    bad = ("fail", "crash", *(("warn",) if strict else ()))
    findings = [finding for finding in diagnosed.findings if finding.outcome in bad]
    for finding in findings:
        yield Problem(finding.id, finding.title, hint=f"`mlenv explain {finding.id}` says more.")
    if not findings:
        yield Problem("not-diagnosed", diagnosed.verdict)


def _step(step: fix.Step) -> Step:
    return Step(what=step.what, ids=step.ids, command=step.command)


def _done(done: fix.Done) -> DoneStep:
    step = done.step
    return DoneStep(what=step.what, ids=step.ids, command=step.command, error=done.error)


def _list() -> Result[Checks]:
    entries = knowledge.entries()
    rows = tuple(
        CheckRow(
            id=check_id, topic=check.topic, title=entries[check_id].title, quick=not check.full
        )
        for check in CHECKS
        for check_id in check.ids
    )
    return Result("doctor", Checks(checks=rows))


def _checked(ids: tuple[str, ...]) -> tuple[str, ...]:
    """The ids, split at commas; raises a usage error for an unknown one."""
    requested = tuple(part for word in ids for part in word.split(",") if part)
    for check_id in requested:
        if check_id not in _IDS:
            near = difflib.get_close_matches(check_id, _IDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else " See `mlenv doctor --list`."
            raise click.UsageError(f"There is no check {check_id}.{hint}")
    return requested


def _snapshot(source: str) -> Facts:
    try:
        with nullcontext(sys.stdin.buffer) if source == "-" else Path(source).open("rb") as stream:
            content = stream.read(files.MOST + 1)  # a pipe too, as of `ssh`
        if len(content) > files.MOST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MlenvError(
            "no-snapshot",
            f"{source} could not be read: {files.why(error)}.",
            "`mlenv doctor --snapshot FILE` writes one, where the environment is.",
            exit_code=NOT_DIAGNOSED,
        ) from error
    return snapshot.read(text, "standard input" if source == "-" else source)
