"""The doctor's flow: facts, checks, findings, and what can be mended."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlenv.doctor import checks, facts, knowledge
from mlenv.doctor.checks import installed_packages, root_causes
from mlenv.doctor.checks.finding import Check, Finding
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.target import Target
from mlenv.result import DONE, FAILED, NOT_DIAGNOSED


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen and what it means."""

    facts: Facts
    judged: tuple[tuple[Check, Finding], ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for _, finding in self.judged)

    def exit_code(self, *, strict: bool = False) -> int:
        """0 nothing fails, 1 something fails (`strict`: or warns), 3 could not diagnose."""
        outcomes = {finding.outcome for finding in self.findings}
        if "fail" in outcomes or (strict and "warn" in outcomes):
            return FAILED
        if "crash" in outcomes or (outcomes and outcomes <= {"unknown"}):
            return NOT_DIAGNOSED
        return DONE

    def documents(
        self, fixable: Collection[str] = (), named: Sequence[str] = ()
    ) -> list[dict[str, Any]]:
        """The findings, as `--json` prints them; `fixable` are the ids that `--fix` mends.

        `named`: the words that name the environment on a command line (`--venv DIR`).
        """
        return [_document(finding, self.facts, fixable, named) for finding in self.findings]


def examine(
    target: Target,
    only: Collection[str] = (),
    *,
    skip: Collection[str] = (),
    quick: bool = False,
    environ: Mapping[str, str] = os.environ,
    root: Path = Path("/"),
    directory: Path | None = None,
) -> Report:
    """Look at an environment and judge it.

    `only`, `skip`: ids. `quick`: files and driver only. `environ`: the variables of the shell
    that programs are started from. `root`: where proc, sys and dev are. `directory`: where
    programs are started (the working directory).
    """
    seen = facts.collect(
        target,
        environ,
        quick=quick,
        hashes=installed_packages.DAMAGED in only,
        root=root,
        directory=directory,
        meanwhile=_prepared,
    )
    return judge(seen, only, skip)


def _prepared() -> None:
    """What the judging needs and takes a while to load."""
    import packaging.requirements  # noqa: F401

    knowledge.entries()


def judge(seen: Facts, only: Collection[str] = (), skip: Collection[str] = ()) -> Report:
    """The findings of some facts, in the order of the checks. A check that fails is itself a
    finding (`crash`), never the end of the report."""
    found: list[tuple[Check, Finding]] = []
    for check in checks.CHECKS:
        wanted = [id for id in check.ids if (not only or id in only) and id not in skip]
        if not wanted or (check.full and seen.quick):
            continue
        try:
            said = list(check.judge(seen))
        except Exception as error:  # a bug of ours must not hide what the other checks see
            why = f"{type(error).__name__}: {error}"
            said = [Finding(id, "crash", (why,)) for id in check.ids]
        found += [(check, finding) for finding in said if finding.id in wanted]
    return Report(seen, root_causes.folded(found))


def _document(
    finding: Finding, seen: Facts, fixable: Collection[str], named: Sequence[str]
) -> dict[str, Any]:
    entry = knowledge.entries()[finding.id]
    fields = {"venv": seen.venv, "python": seen.interpreter.executable, **finding.fields}
    commands: Sequence[Sequence[str]] = finding.commands or entry.remedy.commands
    return {
        "id": finding.id,
        "outcome": finding.outcome,
        "title": _filled(entry.title, fields),
        "evidence": list(finding.evidence),
        "cause": _filled(entry.cause, fields),
        "remedy": {
            "prose": _filled(entry.remedy.prose, fields),
            "commands": [
                [*(_filled(word, fields) for word in argv), *_aimed(argv, named)]
                for argv in commands
            ],
            "fixable": finding.id in fixable,
        },
    }


def _aimed(argv: Sequence[str], named: Sequence[str]) -> Sequence[str]:
    """A command of ours must mend the environment that was looked at, not the usual one."""
    return named if list(argv[:2]) == ["mlenv", "doctor"] else ()


def _filled(text: str, fields: Mapping[str, str]) -> str:
    """`text` with its `{fields}`; what is not known stays as it is."""
    for name, value in fields.items():
        text = text.replace("{" + name + "}", value)
    return text
