"""The README's table against other tools, from the recorded results in `benchmarks/results/`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from documentation import DOCS
from documentation import markdown as md

README = DOCS.parent / "README.md"
RESULTS = DOCS.parent / "benchmarks" / "results"
BEGIN, END = "<!-- comparison -->\n", "<!-- comparison ends -->\n"
TIMED = ("speech", "speakers", "serve", "spine", "launch")
_TOOLS = {"ctranslate2": "whisper-ctranslate2", "plain": "plain faster-whisper"}
# Conversations of `benchmarks/words.py`: what they are.
_SETS = {"readers": "nine readers", "spoken": "synthetic speakers"}


def readme() -> str:
    """The README with the table of the results as they are now."""
    before, begin, rest = README.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} has no place for the table: {BEGIN.strip()}")
    return f"{before}{begin}\n{table()}\n{end}{after}"


def table() -> str:
    """What was measured, with mlenv and with the others."""
    timed = [row for name in TIMED for row in _times(name)]
    rows = [*_words(), *_doctors(), *timed]
    return md.table(("measured", "mlenv", "others", "recorded in"), rows)


def _result(name: str) -> Any:
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _source(name: str) -> str:
    return f"[`{name}.json`](benchmarks/results/{name}.json) by [`{name}.py`](benchmarks/{name}.py)"


def _words() -> Iterator[tuple[str, str, str, str]]:
    rows = {(row["set"], row["tool"]): row for row in _result("words").get("rows", ())}
    for kind, text in _SETS.items():
        others = [
            f"{_wrong(rows[kind, tool])} {name}"
            for tool, name in _TOOLS.items()
            if (kind, tool) in rows
        ]
        if (kind, "mlenv") in rows and others:
            ours = rows[kind, "mlenv"]
            what = f"words wrong, and missing, of {ours['words']:,} ({text}, {ours['model']}, CPU)"
            yield what, _wrong(ours), "<br>".join(others), _source("words")


def _wrong(row: dict[str, Any]) -> str:
    return f"{row['wer']:.1%}, {row['missing']}"


def _doctors() -> Iterator[tuple[str, str, str, str]]:
    result = _result("doctor")
    tools = dict(result.get("tools", {}))
    if (ours := tools.pop("mlenv doctor", None)) and tools:
        what = f"faults found of {result['faults']}, false alarms, time"
        others = "<br>".join(f"{_found(tools[name])} {name}" for name in tools)
        yield what, _found(ours), others, _source("doctor")


def _found(tool: dict[str, Any]) -> str:
    return f"{len(tool['found'])}, {len(tool['false_alarms'])}, {tool['seconds']:.1f} s"


def _times(name: str) -> Iterator[tuple[str, str, str, str]]:
    for row in _result(name).get("comparisons", ()):
        if row["goal"] is not None:
            ours = f"{_seconds(row['ours_s'])} `{row['ours']}`{_wrongly(row, 'error_rate')}"
            theirs = f"{_seconds(row['theirs_s'])} {row['theirs']}"
            yield row["what"], ours, theirs + _wrongly(row, "their_error_rate"), _source(name)


def _wrongly(row: dict[str, Any], name: str) -> str:
    """The error rate of a row that has one."""
    rate = row.get("more", {}).get(name)
    return "" if rate is None else f", {rate:.1%} wrong"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
