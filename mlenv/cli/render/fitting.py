"""Fit lines to the terminal's width: broken at blanks, the rest under the last column."""

from __future__ import annotations

import os
import re
import sys

WIDEST = 96  # cells of running text
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TOKEN = re.compile(r"\x1b\[[0-9;]*m|[ ]+|[^ \x1b]+")
_COLUMN = re.compile(r"[ ]{2,}(?=[^ ])")


def width() -> int:
    """The width of running text: the terminal's, at most `WIDEST`; in files `WIDEST`."""
    return min(WIDEST, columns() or WIDEST)


def columns() -> int:
    """The width of the terminal on standard output; 0 where it is none."""
    if not sys.stdout.isatty():
        return 0
    import shutil  # compression and all: what is read by a program need not wait for it

    return shutil.get_terminal_size((0, 0)).columns or int(os.environ.get("COLUMNS") or 0)


def fit(line: str, limit: int) -> list[str]:
    """The line in pieces that are no wider than `limit`, but for words that are wider.

    Columns, which stand two blanks or more apart, stay whole where they can: one that begins in
    the left half is broken below itself, the others go below that.
    """
    plain = _COLOUR.sub("", line)
    if not limit or len(plain) <= limit or " " not in plain.strip():
        return [line]
    starts = [match.end() for match in _COLUMN.finditer(plain)]
    lead = len(plain) - len(plain.lstrip())
    hanging = [start for start in starts if lead < start <= limit // 2]
    indent = max(hanging, default=lead + 2 if set(starts) - {lead} else lead)
    pieces, now, used, blanks = [], "", 0, ""
    tokens = _TOKEN.findall(line)
    for number, token in enumerate(tokens):
        if token.startswith("\x1b"):
            now += token
            continue
        if token.startswith(" "):
            blanks += token
            continue
        room = limit - used - len(blanks)
        is_cell = len(blanks) >= 2 and used > indent
        if used > indent and (len(token) > room or (is_cell and _cell(tokens[number:]) > room)):
            pieces.append(now)
            now, used, blanks = " " * indent, indent, ""
        elif is_cell and pieces:
            blanks = "  "  # below, columns are aligned with nothing
        now += blanks + token
        used += len(blanks) + len(token)
        blanks = ""
    return [*pieces, now]


def _cell(tokens: list[str]) -> int:
    """The width of the column that begins with the first token."""
    width = blanks = 0
    for token in tokens:
        if token.startswith("\x1b"):
            continue
        if token.startswith(" "):
            blanks += len(token)
            if blanks >= 2:
                break
        else:
            width += blanks + len(token)
            blanks = 0
    return width
