"""`mlenv doctor`: find out what is wrong with an environment."""

from __future__ import annotations

import dataclasses
import difflib
import os
import time
from pathlib import Path

import click

from mlenv import doctor
from mlenv.checks import CHECKS
from mlenv.cli import command, venv_option
from mlenv.facts import target
from mlenv.result import Result


@command(
    "doctor",
    "mlenv doctor\nmlenv doctor --json\nmlenv doctor --python ./venv/bin/python",
)
@click.argument("ids", metavar="[ID]..", nargs=-1)
@click.option("--python", metavar="EXE", help="Examine the environment of this interpreter.")
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option("-v", "--verbose", is_flag=True, help="Show all that was looked at.")
@venv_option
def cli(
    venv: Path, python: str | None, ids: tuple[str, ...], strict: bool, verbose: bool
) -> Result:
    """Find out what is wrong with an environment, why, and what to do.

    Needs nothing of the environment it examines. Exit code: 0 nothing fails, 1 something
    fails, 3 it could not be diagnosed.
    """
    begun = time.monotonic()
    _refuse_unknown(ids)
    examined = target.of_python(python, os.environ.get("PATH")) if python else target.of_venv(venv)
    report = doctor.examine(examined, ids)
    return Result(
        "doctor",
        {"findings": report.documents(), "facts": dataclasses.asdict(report.facts)},
        report.exit_code(strict=strict),
        view={
            "venv": str(examined.venv),
            "topics": [check.topic for check, _ in report.findings],
            "seconds": time.monotonic() - begun,
            "verbose": verbose,
        },
    )


def _refuse_unknown(ids: tuple[str, ...]) -> None:
    known = [id for check in CHECKS for id in check.ids]
    for id in ids:
        if id not in known:
            near = difflib.get_close_matches(id, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"There is no check {id}.{hint}")
