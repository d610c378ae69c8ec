"""Fit lines to the terminal's width: broken at blanks, the rest under the last column."""

from __future__ import annotations

import os
import re
import shutil
import sys

WIDEST = 96  # cells of running text
_TOKEN = re.compile(r"\x1b\[[0-9;]*m|[ ]+|[^ \x1b]+")
_COLUMN = re.compile(r"[ ]{2,}(?=[^ ])")


def width() -> int:
    """The width of running text: the terminal's, at most `WIDEST`; in files `WIDEST`."""
    return min(WIDEST, columns() or WIDEST)


def columns() -> int:
    """The width of the terminal on standard output; 0 where it is none."""
    if not sys.stdout.isatty():
        return 0
    return shutil.get_terminal_size((0, 0)).columns or int(os.environ.get("COLUMNS") or 0)


def fit(line: str, limit: int) -> list[str]:
    """The line in pieces that are no wider than `limit`, but for words that are wider."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    if not limit or len(plain) <= limit or " " not in plain.strip():
        return [line]
    starts = [match.end() for match in _COLUMN.finditer(plain)]
    lead = len(plain) - len(plain.lstrip())
    indent = max((start for start in starts if start <= limit // 2), default=lead)
    pieces, now, used, blanks = [], "", 0, ""
    for token in _TOKEN.findall(line):
        if token.startswith("\x1b"):
            now += token
        elif token.startswith(" "):
            blanks += token
        else:
            if used + len(blanks) + len(token) > limit and used > indent:
                pieces.append(now)
                now, used, blanks = " " * indent, indent, ""
            now += blanks + token
            used += len(blanks) + len(token)
            blanks = ""
    return [*pieces, now]
