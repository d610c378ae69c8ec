"""Text of `mlenv explain`: the cause first, then its consequences, then harmless lines."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from mlenv.cli.render.style import bold, dim, green, red, yellow

if TYPE_CHECKING:
    from mlenv.doctor.explain.documents import (
        CommandExplained,
        DiagnosisRow,
        Entries,
        EntryRow,
        Explained,
    )

WIDTH = 96
_SURE = {"high": "", "medium": "likely", "low": "possibly"}
_OUTCOMES = {"ok": green, "fail": red, "warn": yellow}


def lines(record: Entries | Explained) -> Iterator[str]:
    """Known errors, or what a log means."""
    if hasattr(record, "entries"):
        yield from _entries(record.entries)
    else:
        yield from _explained(record.diagnoses, record.unrecognised, record.lines, sys.stdout)


def of_command(record: CommandExplained, exit_code: int) -> Iterator[str]:
    """Text about the output of a failed command, for standard error."""
    if exit_code:
        yield ""
        yield bold(f"{shlex.join(record.command)} ended with {exit_code}", sys.stderr)
        count = record.lines if isinstance(record.lines, int) else 0
        yield from _explained(record.diagnoses, record.unrecognised, count, sys.stderr)


def _entries(entries: Sequence[EntryRow]) -> Iterator[str]:
    if len(entries) > 1:
        width = max(len(entry.id) for entry in entries)
        for entry in entries:
            yield f"{entry.id.ljust(width)}  {entry.title}"
        return
    for entry in entries:
        yield f"{bold(entry.title)}  {dim(entry.id)}"
        yield from _paragraphs(entry)
        if entry.decides:
            yield from _labelled("Decides", entry.decides)


def _explained(
    diagnoses: Sequence[DiagnosisRow], unrecognised: str, count: int, stream: TextIO
) -> Iterator[str]:
    if not diagnoses:
        yield f"No known error in this log ({count} line{'' if count == 1 else 's'})."
        yield "Run `mlenv doctor`, or look through `mlenv explain --list`."
    for diagnosis in diagnoses:
        if diagnosis.level == "harmless":
            continue
        if diagnosis.follows:
            yield from _one_line("It followed from this:", diagnosis, stream)
        elif diagnosis.instead_of:
            yield from _one_line("Or:", diagnosis, stream)
        else:
            yield ""
            yield from _cause(diagnosis, stream)
    for diagnosis in diagnoses:
        if diagnosis.level == "harmless":
            yield ""
            yield f"{bold('Harmless', stream)}: {diagnosis.count} line(s) such as"
            yield f"    {diagnosis.matched}"
            yield from _labelled("Why", diagnosis.cause)
    if unrecognised:
        yield ""
        yield "The last line that looks like an error is not known:"
        yield f"    {unrecognised}"


def _cause(diagnosis: DiagnosisRow, stream: TextIO) -> Iterator[str]:
    sure = _SURE[diagnosis.confidence]
    title = f"{sure}: {diagnosis.title}" if sure else diagnosis.title
    yield f"{bold(title, stream)}  {dim(diagnosis.id, stream)}"
    where = dim(f"line {diagnosis.line}:", stream)
    yield f"  {where} {diagnosis.matched}"
    yield from _paragraphs(diagnosis)
    yield from _here(diagnosis, stream)
    if diagnosis.confidence != "high" and diagnosis.decides and not diagnosis.here:
        yield from _labelled("Decides", diagnosis.decides)


def _paragraphs(row: EntryRow | DiagnosisRow) -> Iterator[str]:
    yield from _labelled("Why", row.cause)
    yield from _labelled("Do", row.remedy.prose)
    for argv in row.remedy.commands:
        yield f"           {shlex.join(argv)}"


def _one_line(lead: str, diagnosis: DiagnosisRow, stream: TextIO) -> Iterator[str]:
    yield f"  {lead} {diagnosis.title}  {dim(diagnosis.id, stream)}"
    yield from _here(diagnosis, stream)


def _here(diagnosis: DiagnosisRow, stream: TextIO) -> Iterator[str]:
    if diagnosis.here:
        outcome = diagnosis.here.outcome
        evidence = "; ".join(diagnosis.here.evidence) or "nothing to report"
        colour = _OUTCOMES.get(outcome, dim)
        yield from _labelled("Here", f"{colour(outcome, stream)}: {evidence}")


def _labelled(label: str, text: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        WIDTH,
        initial_indent=f"  {label:<8} ",
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )
