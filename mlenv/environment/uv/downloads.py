"""Progress of uv's downloads, from its messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_MIB = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}


class Downloads:
    """Follows uv's messages: how much is there to fetch, what is still on its way."""

    _BEGUN = re.compile(r"^Downloading (?P<name>\S+) \((?P<size>[\d.]+)(?P<unit>[KMG]iB)\)")
    _OVER = re.compile(r"^ ?Downloaded (?P<name>\S+)")

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._sizes: dict[str, float] = {}
        self._over: set[str] = set()

    def line(self, text: str) -> None:
        if begun := self._BEGUN.match(text):
            self._sizes[begun["name"]] = float(begun["size"]) * _MIB[begun["unit"]]
        elif over := self._OVER.match(text):
            self._over.add(over["name"])
        else:
            return
        self._say(self._state())

    def _state(self) -> str:
        total = sum(self._sizes.values())
        done = sum(size for name, size in self._sizes.items() if name in self._over)
        amount = f"{done / 1024:.2f} of {total / 1024:.2f} GiB downloaded"
        waiting: Sequence[str] = sorted(
            self._sizes.keys() - self._over, key=self._sizes.__getitem__
        )
        return f"{amount}, now {', '.join(waiting[-3:])}" if waiting else amount
