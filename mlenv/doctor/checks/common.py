"""Parts that checks share: findings, the record of a check, words for probes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mlenv.doctor.facts.environments import LAUNCH

if TYPE_CHECKING:
    from mlenv.doctor.facts import Facts
    from mlenv.doctor.facts.load_probes import ProbeRun
    from mlenv.doctor.facts.trial import Tried

Outcome = Literal["ok", "warn", "fail", "skip", "unknown", "crash"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One id of the knowledge base judged on these facts.

    `evidence`: what was seen, naming the file, directory, package or variable at fault.
    `fields` fill the braces of the remedy, `commands` are the remedy's for this machine.
    `root`: the finding that this one follows from, and under which it is listed.
    Outcomes: `skip` does not apply here, `unknown` could not be checked, `crash` the check
    itself failed.
    """

    id: str
    outcome: Outcome
    evidence: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    root: str = ""

    @property
    def bad(self) -> bool:
        return self.outcome in ("fail", "warn")


@dataclass(frozen=True, slots=True)
class Check:
    """`judge` is pure: from facts to findings of `ids`, in the group `topic`.

    `full`: it needs what a quick look leaves out.
    """

    topic: str
    ids: tuple[str, ...]
    judge: Callable[[Facts], Iterable[Finding]]
    full: bool = False


def ok(check_id: str, *evidence: str) -> Finding:
    return Finding(check_id, "ok", evidence)


def warn(check_id: str, *evidence: str, commands: tuple[tuple[str, ...], ...] = ()) -> Finding:
    return Finding(check_id, "warn", evidence, commands)


def fail(check_id: str, *evidence: str, commands: tuple[tuple[str, ...], ...] = ()) -> Finding:
    return Finding(check_id, "fail", evidence, commands)


def skip(check_id: str, *evidence: str) -> Finding:
    return Finding(check_id, "skip", evidence)


def unknown(check_id: str, *evidence: str) -> Finding:
    return Finding(check_id, "unknown", evidence)


def worst(runs: Iterable[ProbeRun]) -> Outcome:
    """Outcome for runs that went wrong.

    Programs are started in the launch environment, so a failure only elsewhere is a warning.
    """
    return "fail" if any(LAUNCH in run.environments for run in runs) else "warn"


def ending(run: ProbeRun | Tried) -> str:
    """The end of a child process, in words."""
    if run.timed_out:
        return "did not end in time"
    if run.exit_code is None:
        return f"did not start: {run.error}"
    if run.exit_code < 0:
        try:
            return f"was ended by {signal.Signals(-run.exit_code).name}"
        except ValueError:
            return f"was ended by signal {-run.exit_code}"
    return f"ended with {run.exit_code}"


def way(names: Iterable[str]) -> str:
    """The way a program is started, in the user's words."""
    names = tuple(names)
    if LAUNCH in names:
        return "in the launch environment"
    return "in the shell as it is" if names == ("bare",) else f"in the {' and '.join(names)} shell"


def unique(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))
