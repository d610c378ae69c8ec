"""The doctor's flow: facts, checks, findings."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mlenv import checks, facts, knowledge
from mlenv.checks.finding import Check, Finding
from mlenv.facts import Facts
from mlenv.facts.target import Target
from mlenv.result import DONE, FAILED, NOT_DIAGNOSED


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen and what it means."""

    facts: Facts
    findings: tuple[tuple[Check, Finding], ...]

    def exit_code(self, *, strict: bool = False) -> int:
        """0 nothing fails, 1 something fails (`strict`: or warns), 3 could not diagnose."""
        outcomes = {finding.outcome for _, finding in self.findings}
        if "fail" in outcomes or (strict and "warn" in outcomes):
            return FAILED
        if "crash" in outcomes or (outcomes and outcomes <= {"unknown"}):
            return NOT_DIAGNOSED
        return DONE

    def documents(self) -> list[dict[str, Any]]:
        """The findings, as `--json` prints them."""
        return [_document(finding, self.facts) for _, finding in self.findings]


def examine(
    target: Target, only: Collection[str] = (), *, environ: Mapping[str, str] = os.environ
) -> Report:
    """Look at an environment and judge it; `only` names the ids that matter."""
    return judge(facts.collect(target, environ), only)


def judge(seen: Facts, only: Collection[str] = ()) -> Report:
    """The findings of some facts, in the order of the checks. A check that fails is itself a
    finding (`crash`), never the end of the report."""
    found: list[tuple[Check, Finding]] = []
    for check in checks.CHECKS:
        if only and not set(only) & set(check.ids):
            continue
        try:
            said = list(check.judge(seen))
        except Exception as error:  # a bug of ours must not hide what the other checks see
            said = [Finding(id, "crash", (f"{type(error).__name__}: {error}",)) for id in check.ids]
        found += [(check, finding) for finding in said if not only or finding.id in only]
    return Report(seen, tuple(found))


def _document(finding: Finding, seen: Facts) -> dict[str, Any]:
    entry = knowledge.entries()[finding.id]
    fields = {"venv": seen.venv, "python": seen.interpreter.executable, **finding.fields}
    return {
        "id": finding.id,
        "outcome": finding.outcome,
        "title": _filled(entry.title, fields),
        "evidence": list(finding.evidence),
        "cause": _filled(entry.cause, fields),
        "remedy": {
            "prose": _filled(entry.remedy.prose, fields),
            "commands": [
                [_filled(word, fields) for word in argv] for argv in entry.remedy.commands
            ],
            "fixable": entry.remedy.fixable,
        },
    }


def _filled(text: str, fields: Mapping[str, str]) -> str:
    """`text` with its `{fields}`; what is not known stays as it is."""
    for name, value in fields.items():
        text = text.replace("{" + name + "}", value)
    return text
