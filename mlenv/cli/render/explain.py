"""What a log means, as text: the cause first, then what followed from it, then the noise."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from mlenv.cli.render.style import bold, dim, green, red, yellow
from mlenv.result import Result

WIDTH = 96
_SURE = {"high": "", "medium": "likely", "low": "possibly"}
_OUTCOMES = {"ok": green, "fail": red, "warn": yellow}
Document = Mapping[str, Any]


def lines(result: Result[Any]) -> Iterator[str]:
    stream = sys.stderr if result.view.get("stream") == "stderr" else sys.stdout
    if "entries" in result.data:
        yield from _entries(result.data["entries"], stream)
    elif "command" not in result.data:
        yield from _explained(result.data, stream)
    elif result.exit_code:
        yield ""
        yield bold(f"{shlex.join(result.data['command'])} ended with {result.exit_code}", stream)
        yield from _explained(result.data, stream)


def _entries(entries: Sequence[Document], stream: TextIO) -> Iterator[str]:
    if len(entries) > 1:
        width = max(len(entry["id"]) for entry in entries)
        for entry in entries:
            yield f"{entry['id'].ljust(width)}  {entry['title']}"
        return
    for entry in entries:
        yield f"{bold(entry['title'], stream)}  {dim(entry['id'], stream)}"
        yield from _paragraphs(entry)
        if entry["decides"]:
            yield from _labelled("Decides", entry["decides"])


def _explained(data: Document, stream: TextIO) -> Iterator[str]:
    diagnoses = data["diagnoses"]
    harmless = [d for d in diagnoses if d["level"] == "harmless"]
    causes = [d for d in diagnoses if d["level"] != "harmless"]
    if not diagnoses:
        yield f"Nothing known was recognised in {data.get('lines', 0)} lines."
    for diagnosis in causes:
        if diagnosis["follows"]:
            yield from _one_line("It followed from this:", diagnosis, stream)
        elif diagnosis["instead_of"]:
            yield from _one_line("Or:", diagnosis, stream)
        else:
            yield ""
            yield from _cause(diagnosis, stream)
    for diagnosis in harmless:
        yield ""
        yield f"{bold('Harmless', stream)}: {diagnosis['count']} line(s) such as"
        yield f"    {diagnosis['matched']}"
        yield from _labelled("Why", diagnosis["cause"])
    if data["unrecognised"]:
        yield ""
        yield "The last line that looks like an error is not known:"
        yield f"    {data['unrecognised']}"


def _cause(diagnosis: Document, stream: TextIO) -> Iterator[str]:
    sure = _SURE[diagnosis["confidence"]]
    title = f"{sure}: {diagnosis['title']}" if sure else diagnosis["title"]
    yield f"{bold(title, stream)}  {dim(diagnosis['id'], stream)}"
    where = dim(f"line {diagnosis['line']}:", stream)
    yield f"  {where} {diagnosis['matched']}"
    yield from _paragraphs(diagnosis)
    yield from _here(diagnosis, stream)
    if diagnosis["confidence"] != "high" and diagnosis["decides"] and not diagnosis["here"]:
        yield from _labelled("Decides", diagnosis["decides"])


def _paragraphs(document: Document) -> Iterator[str]:
    yield from _labelled("Why", document["cause"])
    yield from _labelled("Do", document["remedy"]["prose"])
    for argv in document["remedy"]["commands"]:
        yield f"           {shlex.join(argv)}"


def _one_line(lead: str, diagnosis: Document, stream: TextIO) -> Iterator[str]:
    yield f"  {lead} {diagnosis['title']}  {dim(diagnosis['id'], stream)}"
    yield from _here(diagnosis, stream)


def _here(diagnosis: Document, stream: TextIO) -> Iterator[str]:
    seen = diagnosis["here"]
    if seen:
        colour = _OUTCOMES.get(seen["outcome"], dim)
        said = "; ".join(seen["evidence"]) or "nothing to report"
        yield from _labelled("Here", f"{colour(seen['outcome'], stream)}: {said}")


def _labelled(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<8} ",
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )
