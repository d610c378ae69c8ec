"""`mlenv doctor`: find out what is wrong with an environment, and mend it."""

from __future__ import annotations

import dataclasses
import difflib
import getpass
import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from mlenv.cli.table import command, venv_option
from mlenv.doctor import examine, fix, knowledge, snapshot
from mlenv.doctor.checks import CHECKS
from mlenv.doctor.facts import Facts, target
from mlenv.paths import venv_path
from mlenv.progress import Progress
from mlenv.result import NOT_DIAGNOSED, MlenvError, Result


@command(
    "doctor",
    "mlenv doctor\n"
    "mlenv doctor --fix\n"
    "mlenv doctor --python ./venv/bin/python\n"
    "mlenv doctor --snapshot facts.json      (there)\n"
    "mlenv doctor --from facts.json          (here)",
)
@click.argument("ids", metavar="[ID]..", nargs=-1)
@click.option("--list", "listed", is_flag=True, help="List all checks and end.")
@click.option("--only", multiple=True, metavar="ID", help="Run this check only (as ID does).")
@click.option("--skip", multiple=True, metavar="ID", help="Leave this check out.")
@click.option("--quick", is_flag=True, help="Files and driver only, in half a second.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option("--python", metavar="EXE", help="Examine the environment of this interpreter.")
@click.option("--fix", "mend", is_flag=True, help="Mend what can be mended, then look again.")
@click.option("--dry-run", is_flag=True, help="With --fix: show the plan, do nothing.")
@click.option("--yes", is_flag=True, help="With --fix: don't ask.")
@click.option("--snapshot", "save", metavar="FILE", help="Write all facts to a file.")
@click.option("--from", "source", metavar="FILE", help="Judge a snapshot (- for standard input).")
@click.option("-v", "--verbose", is_flag=True, help="Show all that was looked at.")
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
    save: str | None,
    source: str | None,
    verbose: bool,
) -> Result[Any]:
    """Find out what is wrong with an environment, why, and what to do.

    Needs nothing of the environment it examines. Exit code: 0 nothing fails, 1 something
    fails, 2 wrong usage, 3 it could not be diagnosed.
    """
    if listed:
        return _list()
    only, skip = _known((*ids, *only)), _known(skip)
    if source and (mend or save or python):
        raise click.UsageError("--from judges a file: it goes with no --fix, --snapshot, --python.")
    if (dry_run or yes) and not mend:
        raise click.UsageError("--dry-run and --yes go with --fix.")
    begun = time.monotonic()
    view: dict[str, Any] = {"verbose": verbose, "strict": strict, "begun": begun}
    view["named"] = _named(venv, python)
    if source:
        report = examine.judge(_snapshot(source), only, skip)
        return _result(report, view, fixable=())
    examined = _target(venv, python)
    report = examine.examine(examined, only, skip=skip, quick=quick)
    if save:
        home, user = str(Path.home()), getpass.getuser()
        snapshot.save(report.facts, Path(save).absolute(), home, user)
        view["saved"] = save
    steps = fix.plan(report.facts, report.findings, examined)
    fixable = {id for step in steps for id in step.ids}
    if not mend:
        return _result(report, view, fixable)
    told: dict[str, Any] = {"plan": [_step(step) for step in steps], "done": []}
    if dry_run or not steps:
        return _result(report, view, fixable, told)

    from mlenv.cli.render import doctor as shown

    if not yes and not shown.confirmed(told["plan"]):
        view["asked"] = True
        return _result(report, view, fixable, told)
    done = fix.carry_out(steps, progress)
    told["done"] = [{**_step(one.step), "error": one.error} for one in done]
    view["begun"] = time.monotonic()
    examined = _target(venv, python)  # what was built again is elsewhere
    again = examine.examine(examined, only, skip=skip, quick=quick)
    left = fix.plan(again.facts, again.findings, examined)
    return _result(again, view, {id for step in left for id in step.ids}, told)


def _target(venv: Path, python: str | None) -> target.Target:
    return target.of_python(python, os.environ.get("PATH")) if python else target.of_venv(venv)


def _named(venv: Path, python: str | None) -> tuple[str, ...]:
    """The words that name the environment, where it is not the one that is meant without."""
    if python:
        return ("--python", python)
    return () if venv == venv_path(None, os.environ) else ("--venv", str(venv))


def _result(
    report: examine.Report,
    view: dict[str, Any],
    fixable: Any,
    told: dict[str, Any] | None = None,
) -> Result[Any]:
    data: dict[str, Any] = {"findings": report.documents(fixable, view["named"])}
    data["facts"] = dataclasses.asdict(report.facts)
    if told is not None:
        data["fix"] = told
    return Result(
        "doctor",
        data,
        report.exit_code(strict=view["strict"]),
        view={
            **view,
            "topics": [check.topic for check, _ in report.judged],
            "seconds": time.monotonic() - view["begun"],
        },
    )


def _step(step: fix.Step) -> dict[str, Any]:
    return {"what": step.what, "ids": list(step.ids), "command": list(step.command)}


def _list() -> Result[Any]:
    entries = knowledge.entries()
    checks = [
        {"id": id, "topic": check.topic, "title": entries[id].title, "quick": not check.full}
        for check in CHECKS
        for id in check.ids
    ]
    return Result("doctor", {"checks": checks})


def _known(ids: tuple[str, ...]) -> tuple[str, ...]:
    """The ids, also where several were given with commas; unknown ones are refused."""
    known = [id for check in CHECKS for id in check.ids]
    wanted = tuple(id for word in ids for id in word.split(",") if id)
    for id in wanted:
        if id not in known:
            near = difflib.get_close_matches(id, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else " See `mlenv doctor --list`."
            raise click.UsageError(f"There is no check {id}.{hint}")
    return wanted


def _snapshot(source: str) -> Facts:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise MlenvError(
            "no-snapshot", f"{source} could not be read: {why}.", exit_code=NOT_DIAGNOSED
        ) from error
    return snapshot.read(text, "standard input" if source == "-" else source)
