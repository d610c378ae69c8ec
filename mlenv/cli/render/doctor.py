"""The doctor's report: the verdict first, then what fails, then what was looked at."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.result import Result

WIDTH = 96
_COLOURS = {"ok": green, "warn": yellow, "fail": red, "unknown": yellow, "crash": red, "skip": dim}
Finding = Mapping[str, Any]


def lines(result: Result[Any]) -> Iterator[str]:
    if "checks" in result.data:
        yield from _list(result.data["checks"])
        return
    findings, view = result.data["findings"], result.view
    mended = result.data.get("fix")
    if mended and "asked" not in view:
        yield from _mended(mended)
    yield from _verdict(findings, result)
    for outcome in ("crash", "fail", "warn"):
        for finding in findings:
            if finding["outcome"] == outcome:
                yield ""
                yield from _told(finding)
    yield ""
    yield bold("Looked at")
    topics = dict.fromkeys(view["topics"])
    width = max(map(len, topics), default=0)
    for topic in topics:
        group = [f for f, t in zip(findings, view["topics"], strict=True) if t == topic]
        yield f"  {topic.ljust(width)}  {_counted(group)}"
        if view["verbose"]:
            yield from (line for finding in group for line in _shown(finding))
    yield ""
    if "saved" in view:
        file = view["saved"]
        yield f"All facts are in {file}; judge them with mlenv doctor --from {file}"
    planned = bool(mended and mended["plan"])
    yield f"{bold('Next:')} {_next(findings, result.view.get('named', ()), planned=planned)}"


def confirmed(plan: Sequence[Mapping[str, Any]]) -> bool:
    """Show a plan and ask whether to carry it out; no where nobody can answer."""
    for line in _plan(plan):
        print(line, file=sys.stderr)
    if not sys.stdin.isatty():
        print("Nothing was changed: add --yes to do this without being asked.", file=sys.stderr)
        return False
    print("Do this? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _plan(plan: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield bold("To mend this")
    for number, step in enumerate(plan, 1):
        yield f"  {number}. {step['what']}"
        yield f"     {dim('for ' + ', '.join(step['ids']))}"
        if step["command"]:
            yield f"     {shlex.join(step['command'])}"


def _mended(mended: Mapping[str, Any]) -> Iterator[str]:
    if not mended["plan"]:
        yield "There is nothing that --fix can mend."
    elif not mended["done"]:
        yield from _plan(mended["plan"])
    else:
        yield bold("Mended")
        for step in mended["done"]:
            mark = red("failed") if step["error"] else green("done  ")
            yield f"  {mark} {step['what']}"
            yield from (f"         {line}" for line in step["error"].splitlines())
        yield ""
        yield bold("The second look")
    yield ""


def _list(checks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    width = max(len(check["id"]) for check in checks)
    topic = ""
    for check in checks:
        if check["topic"] != topic:
            topic = check["topic"]
            yield bold(topic)
        yield f"  {check['id'].ljust(width)}  {check['title']}"


def _verdict(findings: Sequence[Finding], result: Result[Any]) -> Iterator[str]:
    view = result.view
    count = Counter(finding["outcome"] for finding in findings)
    warnings = _many(count["warn"], "warning")
    if count["fail"]:
        verdict = red(f"Broken: {_many(count['fail'], 'check')} failed")
        verdict += f", {warnings}" if count["warn"] else ""
    elif count["crash"] or (findings and count["unknown"] == len(findings)):
        verdict = red("Could not be diagnosed")
    elif count["warn"]:
        verdict = yellow(f"Works, with {warnings}")
    else:
        verdict = green("Healthy")
    yield f"{bold(verdict)}  {dim(_about(result.data['facts'], len(findings), view['seconds']))}"


def _about(facts: Mapping[str, Any], checks: int, seconds: float) -> str:
    """What was examined, in the words that an issue needs."""
    driver = facts["driver"]["nvml"]["driver"] or facts["driver"]["kernel"]
    gpus = ", ".join(gpu["name"] for gpu in facts["driver"]["nvml"]["gpus"])
    torch = next((b["version"] for b in facts["builds"] if b["name"] == "torch"), "")
    parts = [
        facts["venv"],
        f"Python {facts['interpreter']['version'] or '?'}",
        f"torch {torch}" if torch else "",
        f"driver {driver}" if driver else "no NVIDIA driver",
        gpus,
        f"{checks} checks in {seconds:.1f} s" + (", quick" if facts["quick"] else ""),
    ]
    return "(" + ", ".join(part for part in parts if part) + ")"


def _told(finding: Finding) -> Iterator[str]:
    colour = _COLOURS[finding["outcome"]]
    yield f"{colour(finding['outcome'].upper())} {bold(finding['title'])}"
    yield f"  {dim(finding['id'])}"
    for evidence in finding["evidence"]:
        yield from _wrapped("seen: ", evidence)
    yield from _wrapped("why:  ", finding["cause"])
    yield from _wrapped("do:   ", finding["remedy"]["prose"])
    for argv in finding["remedy"]["commands"]:
        yield f"          {shlex.join(argv)}"


def _shown(finding: Finding) -> Iterator[str]:
    mark = _COLOURS[finding["outcome"]](finding["outcome"].ljust(7))
    yield f"    {mark} {finding['id']}"
    yield from (f"            {line}" for line in finding["evidence"])


def _wrapped(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label}",
        subsequent_indent=" " * (2 + len(label)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counted(group: Sequence[Finding]) -> str:
    count = Counter(finding["outcome"] for finding in group)
    shown = [
        _COLOURS[outcome](f"{count[outcome]} {outcome}") for outcome in _COLOURS if count[outcome]
    ]
    return ", ".join(shown)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _next(findings: Sequence[Finding], named: Sequence[str], *, planned: bool) -> str:
    bad = [finding for finding in findings if finding["outcome"] in ("fail", "warn")]
    if any(finding["remedy"]["fixable"] for finding in bad):
        return shlex.join(["mlenv", "doctor", *named, "--fix", *(["--yes"] if planned else [])])
    if bad:
        return "follow the remedies above, then run mlenv doctor again."
    return "nothing to do. Start programs with mlenv exec COMMAND."
