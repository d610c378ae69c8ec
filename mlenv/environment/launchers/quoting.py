"""Quoting of strings in each language that shims are written in."""

from __future__ import annotations

import shlex
from collections.abc import Callable

Quote = Callable[[str], str]


def posix(text: str) -> str:
    """bash, zsh, dash and every other POSIX shell."""
    return shlex.quote(text)


def fish(text: str) -> str:
    """fish: in single quotes only `'` and `\\` are special."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def csh(text: str) -> str:
    """Csh and tcsh, on one line; a newline comes from the variable `_mlenv_newline`."""
    quoted = text.replace("'", "'\\''").replace("!", "'\\!'")
    return "'" + quoted.replace("\n", "'\"$_mlenv_newline:q\"'") + "'"


def nu(text: str) -> str:
    """nushell: a raw string, with as many `#` as the text needs."""
    hashes = "#"
    while f"'{hashes}" in text:
        hashes += "#"
    return f"r{hashes}'{text}'{hashes}"


def powershell(text: str) -> str:
    """PowerShell: in single quotes only quotes are special; it takes the typographic ones too."""
    for mark in "'\u2018\u2019\u201a\u201b":
        text = text.replace(mark, mark * 2)
    return f"'{text}'"
