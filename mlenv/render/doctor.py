"""The doctor's report: the verdict first, then what fails, then what was looked at."""

from __future__ import annotations

import shlex
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mlenv.render.style import bold, dim, green, red, yellow
from mlenv.result import Result

WIDTH = 96
_COLOURS = {"ok": green, "warn": yellow, "fail": red, "unknown": yellow, "crash": red, "skip": dim}


def lines(result: Result) -> Iterator[str]:
    findings, view = result.data["findings"], result.view
    yield from _verdict(findings, view)
    for outcome in ("crash", "fail", "warn"):
        for finding in findings:
            if finding["outcome"] == outcome:
                yield ""
                yield from _told(finding)
    yield ""
    yield bold("Looked at")
    topics = dict.fromkeys(view["topics"])
    for topic in topics:
        group = [f for f, t in zip(findings, view["topics"], strict=True) if t == topic]
        yield f"  {topic}: {_counted(group)}"
        if view["verbose"]:
            for finding in group:
                mark = _COLOURS[finding["outcome"]](finding["outcome"].ljust(7))
                yield f"    {mark} {finding['id']}"
                yield from (f"            {line}" for line in finding["evidence"])
    yield ""
    yield f"{bold('Next:')} {_next(findings)}"


def _verdict(findings: list[dict[str, Any]], view: Mapping[str, Any]) -> Iterator[str]:
    count = Counter(finding["outcome"] for finding in findings)
    seen = f"({view['venv']}, {len(findings)} checks in {view['seconds']:.1f} s)"
    if count["fail"]:
        verdict = red(f"Broken: {_many(count['fail'], 'check')} failed")
        if count["warn"]:
            verdict += f", {_many(count['warn'], 'warning')}"
    elif count["crash"] or (findings and count["unknown"] == len(findings)):
        verdict = red("Could not be diagnosed")
    elif count["warn"]:
        verdict = yellow(f"Works, with {_many(count['warn'], 'warning')}")
    else:
        verdict = green("Healthy")
    yield f"{bold(verdict)} {dim(seen)}"


def _told(finding: Mapping[str, Any]) -> Iterator[str]:
    colour = _COLOURS[finding["outcome"]]
    yield f"{colour(finding['outcome'].upper())} {bold(finding['title'])}"
    yield f"  {dim(finding['id'])}"
    for evidence in finding["evidence"]:
        yield from _wrapped("seen: ", evidence)
    yield from _wrapped("why:  ", finding["cause"])
    yield from _wrapped("do:   ", finding["remedy"]["prose"])
    for argv in finding["remedy"]["commands"]:
        yield f"          {shlex.join(argv)}"


def _wrapped(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label}",
        subsequent_indent=" " * (2 + len(label)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counted(group: list[dict[str, Any]]) -> str:
    count = Counter(finding["outcome"] for finding in group)
    shown = [
        _COLOURS[outcome](f"{count[outcome]} {outcome}") for outcome in _COLOURS if count[outcome]
    ]
    return ", ".join(shown)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _next(findings: list[dict[str, Any]]) -> str:
    bad = [finding for finding in findings if finding["outcome"] in ("fail", "warn")]
    if any(finding["remedy"]["fixable"] for finding in bad):
        return "mlenv doctor --fix"
    if bad:
        return "follow the first remedy above, then run mlenv doctor again."
    return "nothing to do. Start programs with mlenv exec COMMAND."
