"""Text of `mlenv explain`: the cause first, then its consequences, then harmless lines."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from mlenv.cli.render.fitting import columns, fit, width
from mlenv.cli.render.style import bold, dim, green, red, yellow

if TYPE_CHECKING:
    from mlenv.doctor.explain.documents import (
        CommandExplained,
        DiagnosisRow,
        Entries,
        EntryRow,
        Explained,
        Seen,
    )
    from mlenv.doctor.explain.outline import Outline

_SURE = {"high": "", "medium": "likely", "low": "possibly"}
_OUTCOMES = {"ok": green, "fail": red, "warn": yellow}


def lines(record: Entries) -> Iterator[str]:
    """Known errors."""
    yield from _entries(record.entries)


def of_log(record: Explained, look: Callable[[], Seen] | None) -> Iterator[str]:
    """Text about a log; what `look` adds comes after it."""
    yield from _explained(record, record.lines, sys.stdout)
    if record.looks_like and record.lines < WHOLE:
        than = f" than {_lines(record.lines)}" if record.lines else ""
        yield f"A whole log says more{than}: `COMMAND 2>&1 | mlenv explain`, or"
        yield "`mlenv explain -- COMMAND`, which sees how the command ended, too."
    if look:
        yield from _looked(record, look, sys.stdout)


def of_command(
    record: CommandExplained, exit_code: int, look: Callable[[], Seen] | None
) -> Iterator[str]:
    """Text about the output of a failed command, for standard error."""
    if exit_code:
        yield ""
        yield bold(f"{shlex.join(record.command)} ended with {exit_code}", sys.stderr)
        count = record.lines if isinstance(record.lines, int) else 0
        yield from _explained(record, count, sys.stderr)
        if look:
            yield from _looked(record, look, sys.stderr)


def _looked(
    record: Explained | CommandExplained, look: Callable[[], Seen], stream: TextIO
) -> Iterator[str]:
    """Say what the environment speaks for, and the cause again if it is another one."""
    from mlenv.machine import driver

    observed = look()
    yield ""
    if observed.problem:
        yield f"{bold('Not looked at', stream)}: {observed.problem.message}"
    if trouble := driver.unanswered():
        yield f"{yellow('warning:', stream)} {trouble}"
    first = observed.diagnoses[0]
    if first.id != record.diagnoses[0].id:
        yield bold("On this machine it is rather this:", stream)
        yield from _cause(first, stream)
    checked = [each for each in observed.diagnoses if each.here]
    for each in checked:
        if len(checked) > 1:
            yield f"  {each.id}"
        yield from _here(each, stream)


def _entries(entries: Sequence[EntryRow]) -> Iterator[str]:
    if len(entries) > 1:
        width = max(len(entry.id) for entry in entries)
        for entry in entries:
            yield from fit(f"{entry.id.ljust(width)}  {entry.title}", columns())
        yield dim("`mlenv explain ID` says more of one.")
        return
    for entry in entries:
        yield f"{bold(entry.title)}  {dim(entry.id)}"
        yield from _paragraphs(entry)
        if entry.decides:
            yield from _labelled("Decides", entry.decides)


def _explained(record: Explained | CommandExplained, count: int, stream: TextIO) -> Iterator[str]:
    if not record.diagnoses:
        yield f"No known error in this log ({_lines(count)})." if count else "The log is empty."
    for diagnosis in record.diagnoses:
        if diagnosis.level == "harmless":
            continue
        if diagnosis.follows:
            yield from _one_line("It followed from this:", diagnosis, stream)
        elif diagnosis.instead_of:
            yield from _one_line("Or:", diagnosis, stream)
        else:
            yield ""
            yield from _cause(diagnosis, stream)
        if diagnosis is record.diagnoses[0]:
            for number in record.numbers:
                yield from _labelled("Decoded", number)
    for diagnosis in record.diagnoses:
        if diagnosis.level == "harmless":
            yield ""
            yield f"{bold('Harmless', stream)}: {_lines(diagnosis.count)} such as"
            yield f"    {diagnosis.matched}"
            yield from _labelled("Why", diagnosis.cause)
            yield from _labelled("Do", diagnosis.remedy.prose or "Nothing.")
    if record.looks_like:
        numbers = () if record.diagnoses else record.numbers
        yield from _unknown(record.looks_like, record.unrecognised, numbers)


def _unknown(outline: Outline, error: str, numbers: Sequence[str]) -> Iterator[str]:
    """Lines about an error that is not in the table, and what to do about it."""
    if outline.program or outline.step:
        step = f" while {outline.step}" if outline.step else ""
        yield f"It looks like the log of {outline.program or 'a program'}{step}."
    if error:
        yield "The last line that looks like an error is not known:"
        yield f"    line {outline.line}: {error}" if outline.line else f"    {error}"
    for number in numbers:
        yield from _labelled("Decoded", number)
    yield "`mlenv doctor` tries the environment itself. `mlenv explain --list` has what is known;"
    yield 'how to add a wording: CONTRIBUTING.md, "Add an error signature".'


WHOLE = 4  # lines from which a log may have a traceback in it


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


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
        width(),
        initial_indent=f"  {label:<8} ",
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )
