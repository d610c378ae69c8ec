"""The scripts in `scripts/`, filled in: `@NAME@` stands for a quoted value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def filled(name: str, values: Mapping[str, str]) -> str:
    """The text of `scripts/NAME` with every `@KEY@` replaced, all in one pass."""
    text = (Path(__file__).parent / "scripts" / name).read_text("utf-8")
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], text)


def words(quote: Callable[[str], str], items: Sequence[object], separator: str = " ") -> str:
    """`items` quoted one by one."""
    return separator.join(quote(str(item)) for item in items)
