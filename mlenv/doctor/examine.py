"""The doctor's flow: collect facts, run the checks, put the findings into words."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from mlenv.doctor import checks, facts, knowledge
from mlenv.doctor.checks import installed_packages, root_causes, trial
from mlenv.doctor.checks.common import Check, Finding, Outcome
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.target import Target
from mlenv.doctor.facts.trial import Job
from mlenv.result import DONE, FAILED, NOT_DIAGNOSED


class RemedyDocument(Struct, frozen=True, kw_only=True):
    """The remedy of a finding. `fixable`: `doctor --fix` does it."""

    prose: str
    commands: tuple[tuple[str, ...], ...]
    fixable: bool


class FindingDocument(Struct, frozen=True, kw_only=True):
    """A finding with its words, as `doctor --json` prints it."""

    id: str
    outcome: Outcome
    title: str
    evidence: tuple[str, ...]
    cause: str
    remedy: RemedyDocument


@dataclass(frozen=True, slots=True)
class Report:
    """The facts, and the finding of each check."""

    facts: Facts
    judged: tuple[tuple[Check, Finding], ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings, in the order of the checks."""
        return tuple(finding for _, finding in self.judged)

    def exit_code(self, *, strict: bool = False) -> int:
        """0 nothing fails, 1 something fails (`strict`: or warns), 3 could not diagnose.

        Parts of the job that were asked for, and of which none could be tried, are a failure.
        """
        outcomes = {finding.outcome for finding in self.findings}
        asked = any(finding.id in trial.IDS.values() for finding in self.findings)
        untried = bool(self.facts.trial) and all(each.left_out for each in self.facts.trial)
        if "fail" in outcomes or (strict and "warn" in outcomes) or (asked and untried):
            return FAILED
        if "crash" in outcomes or (outcomes and outcomes <= {"unknown"}):
            return NOT_DIAGNOSED
        return DONE

    def documents(
        self, fixable: Collection[str] = (), named: Sequence[str] = ()
    ) -> tuple[FindingDocument, ...]:
        """The findings with their words; `fixable` are the ids that `--fix` mends.

        `named`: the words that name the environment on a command line (`--venv DIR`).
        """
        return tuple(_document(each, self.facts, fixable, named) for each in self.findings)


def examine(
    target: Target,
    only: Collection[str] = (),
    *,
    skip: Collection[str] = (),
    job: Job | None = None,
    quick: bool = False,
    environ: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
    directory: Path | None = None,
) -> Report:
    """Collect the facts of an environment and judge them.

    `only`, `skip`: ids. `job`: what to try. `quick`: files, driver and the job's imports only.
    `environ`: the variables of the shell that programs are started from. `root`: where proc, sys
    and dev are. `directory`: where programs are started (the working directory).
    """
    parts = [part for part, check_id in trial.IDS.items() if _is_selected(check_id, only, skip)]
    observed = facts.collect(
        target,
        environ,
        job.of(parts) if job else None,
        quick=quick,
        hashes=installed_packages.DAMAGED in only,
        root=root,
        directory=directory,
        meanwhile=_preload,
    )
    return judge(observed, only, skip)


def _preload() -> None:
    """Load what the checks need and what takes a while."""
    import packaging.requirements  # noqa: F401

    knowledge.entries()


def judge(observed: Facts, only: Collection[str] = (), skip: Collection[str] = ()) -> Report:
    """The findings of some facts, in the order of the checks.

    A check that raises is itself a finding (`crash`), never the end of the report.
    """
    judged: list[tuple[Check, Finding]] = []
    for check in checks.CHECKS:
        ids = [each for each in check.ids if _is_selected(each, only, skip)]
        if not ids or (check.full and observed.quick):
            continue
        try:
            findings = list(check.judge(observed))
        except Exception as error:  # a bug of ours must not hide what the other checks find
            why = f"{type(error).__name__}: {error}"
            findings = [Finding(each, "crash", (why,)) for each in check.ids]
        judged += [(check, finding) for finding in findings if finding.id in ids]
    return Report(observed, root_causes.folded(trial.with_causes(judged, observed)))


def _is_selected(check_id: str, only: Collection[str], skip: Collection[str]) -> bool:
    return (not only or check_id in only) and check_id not in skip


def _document(
    finding: Finding, observed: Facts, fixable: Collection[str], named: Sequence[str]
) -> FindingDocument:
    entry = knowledge.entries()[finding.id]
    if finding.outcome == "crash":
        return _crash(finding)
    fields = {"venv": observed.venv, "python": observed.interpreter.executable, **finding.fields}
    commands = finding.commands or entry.remedy.commands
    return FindingDocument(
        id=finding.id,
        outcome=finding.outcome,
        title=_filled(entry.title, fields),
        evidence=finding.evidence,
        cause=_filled(entry.cause, fields),
        remedy=RemedyDocument(
            prose=_filled(entry.remedy.prose, fields),
            commands=tuple(
                (*(_filled(word, fields) for word in argv), *_aimed(argv, named))
                for argv in commands
            ),
            fixable=finding.id in fixable,
        ),
    )


def _crash(finding: Finding) -> FindingDocument:
    """The words for a check that failed: nothing is known about what it looks for."""
    return FindingDocument(
        id=finding.id,
        outcome=finding.outcome,
        title=f"The check {finding.id} itself failed",
        evidence=finding.evidence,
        cause="This is a bug of mlenv; it says nothing about the environment.",
        remedy=RemedyDocument(
            prose="Please report it with the line above and the file that "
            "`mlenv doctor --snapshot FILE` writes.",
            commands=(),
            fixable=False,
        ),
    )


# Commands, other than the doctor, that change the environment they are given by `--venv`.
AIMED = {("mlenv", name) for name in ("install", "add", "remove", "rollback")}


def _aimed(argv: Sequence[str], named: Sequence[str]) -> Sequence[str]:
    """The words that aim a command of mlenv at the examined environment."""
    own = tuple(argv[:2])
    return named if own == ("mlenv", "doctor") or (own in AIMED and "--venv" in named) else ()


def _filled(text: str, fields: Mapping[str, str]) -> str:
    """Fill the `{fields}` of `text`; unknown ones stay as they are."""
    for name, value in fields.items():
        text = text.replace("{" + name + "}", value)
    return text
