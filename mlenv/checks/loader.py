"""cuDNN and the loader, judged by what child processes saw."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

from mlenv.checks.finding import Check, Finding, Outcome, ok, skip, unknown
from mlenv.facts import Facts
from mlenv.facts.environments import LAUNCH
from mlenv.facts.loader import ProbeRun

SUBLIB = "cudnn9-sublib-not-on-loader-path"

# cuDNN 9's words where it finds a part under none of its names.
_UNFOUND = re.compile(r"Unable to load any of \{([^}]+)\}")


def ending(run: ProbeRun) -> str:
    """How a child ended, in words."""
    if run.timed_out:
        return "did not end in time"
    if run.exit_code is not None and run.exit_code < 0:
        return f"was ended by {signal.Signals(-run.exit_code).name}"
    return f"ended with {run.exit_code}"


def way(names: tuple[str, ...]) -> str:
    """The environment of a run, in the user's words."""
    if LAUNCH in names:
        return "in the launch environment"
    return "in the shell as it is" if names == ("bare",) else f"in the {' and '.join(names)} shell"


def _unfound_part(run: ProbeRun) -> str:
    """The part whose names the loader did not find, such as `libcudnn_ops.so.9`; or nothing."""
    if not (died := run.died_at) or died.name.endswith(":open"):
        return ""
    if not (said := _UNFOUND.search(run.stderr)):
        return ""
    names = [name.strip() for name in said.group(1).split(",")]
    return next((name for name in names if re.search(r"\.so\.\d+$", name)), names[0])


def judge_sublibraries(facts: Facts) -> Iterator[Finding]:
    """Does each cuDNN front library find its parts, in each environment?"""
    if not facts.runs:
        if facts.interpreter.error:
            yield unknown(SUBLIB, f"the interpreter does not run: {facts.interpreter.error}")
        else:
            yield skip(SUBLIB, "nothing here brings a cuDNN front library")
        return
    broken = [(run, part) for run in facts.runs if (part := _unfound_part(run))]
    if not broken:
        finished = [run for run in facts.runs if run.exit_code == 0]
        if not finished:
            yield unknown(
                SUBLIB, *(f"the probe {way(r.environments)} {ending(r)}" for r in facts.runs)
            )
            return
        for name, run in {n: r for r in finished for n in r.libraries}.items():
            version = run.step(f"{name}:cudnnGetVersion")
            said = f"cuDNN {version.value}" if version else "cuDNN"
            yield ok(SUBLIB, f"{name} loads {said} {way(run.environments)}")
            return
    hurt = [run for run, _ in broken if LAUNCH in run.environments]
    outcome: Outcome = "fail" if hurt else "warn"
    evidence: list[str] = []
    for run, part in broken:
        died = run.died_at
        assert died is not None
        name, _, function = died.name.partition(":")
        for line in (
            f"{way(run.environments)}: {function} through {run.libraries[name]} {ending(run)}",
            f"missing: {part}; {_where(facts, part)}",
        ):
            if line not in evidence:
                evidence.append(line)
    if not hurt:
        evidence.append("the launch environment (`mlenv exec`) finds all parts")
    yield Finding(SUBLIB, outcome, tuple(evidence))


def _where(facts: Facts, part: str) -> str:
    stem = part.partition(".so")[0]
    lying = [file for file in facts.linkage.cudnn_parts if Path(file).name.startswith(stem + ".so")]
    if not lying:
        return f"no {stem} is in {facts.interpreter.packages}"
    return f"it lies in {Path(lying[0]).parent}, which is not on the loader's path"


CHECKS = (Check("cuDNN and the loader", (SUBLIB,), judge_sublibraries),)
