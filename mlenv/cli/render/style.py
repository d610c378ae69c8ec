"""Colours: on a terminal, and where FORCE_COLOR asks for them; never where NO_COLOR is set."""

from __future__ import annotations

import os
import sys
from typing import TextIO

FORCING = ("FORCE_COLOR", "CLICOLOR_FORCE")  # as CI runners set them, whose logs show colours


def _coloured(stream: TextIO | None) -> bool:
    if "NO_COLOR" in os.environ:
        return False
    if any(os.environ.get(name, "0") not in ("", "0") for name in FORCING):
        return True
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


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
