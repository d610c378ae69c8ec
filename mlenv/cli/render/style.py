"""Colours, on a terminal only (and never where NO_COLOR is set)."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def _coloured(stream: TextIO | None) -> bool:
    stream = stream or sys.stdout
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _wrap(code: str, text: str, stream: TextIO | None) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if _coloured(stream) else text


def bold(text: str, stream: TextIO | None = None) -> str:
    return _wrap("1", text, stream)


def dim(text: str, stream: TextIO | None = None) -> str:
    return _wrap("2", text, stream)


def red(text: str, stream: TextIO | None = None) -> str:
    return _wrap("31", text, stream)


def green(text: str, stream: TextIO | None = None) -> str:
    return _wrap("32", text, stream)


def yellow(text: str, stream: TextIO | None = None) -> str:
    return _wrap("33", text, stream)
