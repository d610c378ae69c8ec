"""`~` for the home directory in reports, which people paste where strangers read them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache

# Reports and results. Not: what a shell or another program reads (`env`, `models where`, `shim`).
COMMANDS = frozenset(
    ("doctor", "status", "explain", "install", "add", "remove", "rollback", "gc", "uninstall")
)


def shortened(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The text with `~` for the user's home; a command in it still does what it did."""
    home = environ.get("HOME", "").rstrip("/")
    if not home.startswith("/"):
        return text
    for pattern, place in _patterns(home):
        text = pattern.sub(place, text)
    return text


@cache
def _patterns(home: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    places = sorted({home, os.path.realpath(home)}, key=len, reverse=True)
    homes = "|".join(map(re.escape, places))
    return (
        # A shell replaces no ~ within quotes, which a word with blanks in it needs.
        (re.compile(rf"(?<!\S)'(?:{homes})/(?=[^'\n]*[^'\w./:@%+=,\n-][^'\n]*')"), "~/'"),
        (re.compile(rf"(?<![\w./~-])(?:{homes})(?=/|[^\w.-]|\.?$|\.\s)"), "~"),
    )
