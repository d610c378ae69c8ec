"""The known cause in what a process wrote before it ended."""

from __future__ import annotations

import io

from mlenv.doctor.explain.rank import Diagnosis, diagnose
from mlenv.doctor.explain.scan import scan

_TRACEBACK = "Traceback (most recent call last)"
_CHAINED = ("exception was the direct cause", "During handling of the above exception")


def final_error(text: str) -> str:
    """The last traceback, with those that led to it; all the text where there is none.

    What a program only warned of before stands above it.
    """
    before, separator, last = text.rpartition(_TRACEBACK)
    while separator and any(phrase in before[-200:] for phrase in _CHAINED):
        before, separator, middle = before.rpartition(_TRACEBACK)
        last = f"{middle}{_TRACEBACK}{last}"
    return f"{_TRACEBACK}{last}" if separator else text


def known(text: str) -> Diagnosis | None:
    """The likeliest cause that the table knows for the error in these words, if one is likely."""
    for diagnosis in diagnose(scan(io.BytesIO(final_error(text).encode()))):
        if diagnosis.level == "error" and diagnosis.confidence != "low":
            return diagnosis
    return None


def last_line(text: str) -> str:
    """The line that names the last error: below a traceback's frames, else the last of all."""
    _, traceback, after = text.rpartition(_TRACEBACK)
    below = [line for line in after.splitlines()[1:] if line.strip() and not line[0].isspace()]
    if traceback and below:
        return below[0].strip()
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
