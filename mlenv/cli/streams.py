"""Standard streams that can be used, whatever the caller has closed and whatever the locale."""

from __future__ import annotations

import io
import os
import sys


def prepare() -> None:
    """Fill in closed streams, and let no letter that a stream lacks end the run.

    What is written to a closed standard output fails, as for every program; what goes to a closed
    standard error is meant for nobody.
    """
    for number in range(3):  # or a file that is opened later would take its place
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR if number == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_unicode() -> bool:
    """Tell if standard output takes every letter; JSON has its own way of writing the others."""
    return (sys.stdout.encoding or "").lower().startswith("utf")
