"""Counts and times of the looks at broken and odd environments, printed at the end of the tests."""

from __future__ import annotations

import resource
import statistics
from collections import Counter

from tests.support.scenes import Row, Seen
from tests.support.scenes.table import ELSEWHERE

RIGHT, OTHER, MISSED = "broken: right cause first", "broken: another cause first", "broken: missed"
SILENT, ALARM = "works: silent", "works: false alarm"
REPAIRED, LEFT = "repaired, and the second look is healthy", "not repaired"

_counts: Counter[str] = Counter()
_seconds: list[float] = []


def count(row: Row, seen: Seen, *, mend: bool = False) -> None:
    """Count what was said of one environment."""
    if mend:
        _counts[LEFT if seen.bad or seen.exit_code else REPAIRED] += 1
        return
    _seconds.append(seen.seconds)
    if row.cause:
        found = RIGHT if seen.first == row.cause else OTHER
        _counts[found if seen.exit_code else MISSED] += 1
    else:
        _counts[SILENT if seen.ids == row.shown and not seen.exit_code else ALARM] += 1


def lines() -> list[str]:
    """The counts, the times and what was not made, one a line."""
    if not _seconds:
        return []
    order = (RIGHT, OTHER, MISSED, SILENT, ALARM, REPAIRED, LEFT)
    lines = [f"{_counts[name]:8}  {name}" for name in order]
    median, longest = statistics.median(_seconds), max(_seconds)
    lines.append(f"{median:8.1f}  seconds for a look (median), {longest:.1f} at most")
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines.append(f"{spent.ru_utime + spent.ru_stime:8.0f}  seconds of processors, for all of it")
    return [*lines, *(f"not made here: {what} ({why})" for what, why in ELSEWHERE.items())]
