"""Text of `mlenv doctor`."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UnsetType

from mlenv.cli.render.fitting import columns, fit, width
from mlenv.cli.render.home import shortened
from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.doctor import verdict

if TYPE_CHECKING:
    from mlenv.doctor.checks.common import Outcome
    from mlenv.doctor.documents import Checks, Diagnosed, Fix, Step
    from mlenv.doctor.examine import FindingDocument
    from mlenv.doctor.facts import Facts

COMMAND = " " * 10  # before a command line
_COLOURS: dict[Outcome, Callable[[str], str]] = {
    "ok": green,
    "warn": yellow,
    "fail": red,
    "unknown": yellow,
    "crash": red,
    "skip": dim,
}
# Other words than the outcome's own, for counts.
_WORDS: dict[str, str] = {
    "skip": "not applicable",
    "unknown": "could not be looked at",
    "crash": "failed themselves",
}


@dataclass(frozen=True)
class Layout:
    """Values that the text of a report needs beside the record.

    `topics`: the topic of each finding. `named`: words that name the environment on a command
    line. `saved`: the snapshot's file. `declined`: the user did not agree to the plan.
    """

    topics: tuple[str, ...]
    seconds: float
    verbose: bool
    named: tuple[str, ...]
    saved: str
    declined: bool


def lines(checks: Checks) -> Iterator[str]:
    """The list of checks, by topic."""
    width = max(len(check.id) for check in checks.checks)
    topic = ""
    for check in checks.checks:
        if check.topic != topic:
            topic = check.topic
            yield bold(topic)
        yield f"  {check.id.ljust(width)}  {check.title}"
    yield dim("`mlenv doctor ID` makes one alone; `mlenv explain ID` says more of it.")


def report(diagnosed: Diagnosed, layout: Layout) -> Iterator[str]:
    """The report, no wider than the terminal but for commands, which are copied."""
    for line in map(shortened, _report(diagnosed, layout)):
        is_command = line.startswith(COMMAND) and not line.removeprefix(COMMAND).startswith(" ")
        yield from [line] if is_command else fit(line, columns())


def _report(diagnosed: Diagnosed, layout: Layout) -> Iterator[str]:
    """The verdict, the findings that need action, then a count by topic."""
    findings = diagnosed.findings
    fix = None if isinstance(diagnosed.fix, UnsetType) else diagnosed.fix
    if fix and not layout.declined:
        yield from _fixed(fix)
    yield bold(_verdict(diagnosed))
    yield dim(_about(diagnosed.facts, len(findings), layout))
    for outcome in ("crash", "fail", "warn"):
        for finding in findings:
            if finding.outcome == outcome:
                yield ""
                yield from _finding(finding)
    yield ""
    yield bold("Checked")
    topics = dict.fromkeys(layout.topics)
    width = max(map(len, topics), default=0)
    for topic in topics:
        group = [f for f, t in zip(findings, layout.topics, strict=True) if t == topic]
        yield f"  {topic.ljust(width)}  {_counted(group)}"
        if layout.verbose:
            yield from (line for finding in group for line in _short(finding))
    yield ""
    if layout.saved:
        yield f"All facts are in {layout.saved}; judge them with mlenv doctor --from {layout.saved}"
    if isinstance(diagnosed.html, str):
        yield f"The same as a page: {diagnosed.html}"
    step = next_step(findings, layout.named, planned=bool(fix and fix.plan))
    yield f"{bold('Next:')} {step if isinstance(step, str) else shlex.join(step)}"


def confirmed(plan: Sequence[Step]) -> bool:
    """Show a plan and ask whether to carry it out; no where nobody can answer."""
    for line in _plan(plan):
        print(line, file=sys.stderr)
    if not sys.stdin.isatty():
        print("Nothing was changed: add --yes to do this without being asked.", file=sys.stderr)
        return False
    print("Do this? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _plan(plan: Sequence[Step]) -> Iterator[str]:
    yield bold("To repair this")
    for number, step in enumerate(plan, 1):
        yield f"  {number}. {step.what}"
        yield f"     {dim('for ' + ', '.join(step.ids))}"
        if step.command:
            yield f"     {shlex.join(step.command)}"


def _fixed(fix: Fix) -> Iterator[str]:
    if not fix.plan:
        yield "There is nothing that --fix can repair."
    elif not fix.done:
        yield from _plan(fix.plan)
    else:
        yield bold("Repaired")
        for step in fix.done:
            mark = red("failed") if step.error else green("done  ")
            yield f"  {mark} {step.what}"
            yield from (f"         {line}" for line in step.error.splitlines())
        yield ""
        yield bold("The second examination")
    yield ""


def _verdict(diagnosed: Diagnosed) -> str:
    state = verdict.state(diagnosed.findings, diagnosed.facts.trial)
    colour = {"healthy": green, "works": yellow, "untried": yellow}.get(state, red)
    return colour(diagnosed.verdict)


def _about(facts: Facts, checks: int, layout: Layout) -> str:
    """The examined machine and environment, in the words that a bug report needs."""
    nvml = facts.driver.nvml
    driver = nvml.driver or facts.driver.kernel
    torch = facts.build("torch")
    quick = ", quick" if facts.quick else ""
    parts = [
        facts.venv,
        f"Python {facts.interpreter.version or '?'}",
        f"torch {torch.version}" if torch else "",
        f"driver {driver}" if driver else "no NVIDIA driver",
        ", ".join(gpu.name for gpu in nvml.gpus),
        f"{checks} checks in {layout.seconds:.1f} s{quick}",
    ]
    return "(" + ", ".join(part for part in parts if part) + ")"


def _finding(finding: FindingDocument) -> Iterator[str]:
    colour = _COLOURS[finding.outcome]
    yield f"{colour(finding.outcome.upper())} {bold(finding.title)}"
    yield f"  {dim(finding.id)}"
    for evidence in finding.evidence:
        yield from _wrapped("seen: ", evidence)
    yield from _wrapped("why:  ", finding.cause)
    yield from _wrapped("do:   ", finding.remedy.prose)
    for argv in finding.remedy.commands:
        yield f"{COMMAND}{shlex.join(argv)}"


def _short(finding: FindingDocument) -> Iterator[str]:
    mark = _COLOURS[finding.outcome](finding.outcome.ljust(7))
    yield f"    {mark} {finding.id}"
    yield from (f"            {line}" for line in finding.evidence)


def _wrapped(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        width(),
        initial_indent=f"  {label}",
        subsequent_indent=" " * (2 + len(label)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counted(group: Sequence[FindingDocument]) -> str:
    count = Counter(finding.outcome for finding in group)
    return ", ".join(
        _COLOURS[outcome](f"{count[outcome]} {_WORDS.get(outcome, outcome)}")
        for outcome in _COLOURS
        if count[outcome]
    )


def next_step(
    findings: Sequence[FindingDocument], named: Sequence[str], *, planned: bool = False
) -> tuple[str, ...] | str:
    """The command that a report ends with, or an advice."""
    bad = [each for outcome in ("fail", "warn") for each in findings if each.outcome == outcome]
    if any(finding.remedy.fixable for finding in bad):
        return ("mlenv", "doctor", *named, "--fix", *(["--yes"] if planned else []))
    own = [argv for finding in bad for argv in finding.remedy.commands[:1] if argv[0] == "mlenv"]
    if own and bad[0].remedy.commands[:1] == (own[0],):
        again = shlex.join(("mlenv", "doctor", *named))
        return f"{shlex.join(own[0])}, then {again} again."
    if bad:
        return "follow the remedies above, then run mlenv doctor again."
    return "nothing to do. Start programs with mlenv exec COMMAND."
