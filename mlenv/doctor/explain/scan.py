"""Look through a log, however long, for the wordings of the table.

The log is read in blocks, each with the end of the one before it, so that memory stays bounded
whatever the log is: one endless line, NULs, bytes that are no text.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from mlenv.doctor.explain import normalize
from mlenv.doctor.explain.patterns import Pattern
from mlenv.doctor.explain.table import outermost, table
from mlenv.doctor.knowledge import Signature
from mlenv.result import redacted

BLOCK = 1 << 15  # bytes that are searched at once
OVERLAP = 1 << 12  # bytes of a block that the next one sees again
SLACK = 200  # bytes that prefixes, frames and escapes may add to what a pattern covers
TRIED = 20  # places that are tried in a block, from either end of it
FAILED = 100  # places, in all, after which only a block's first and last one are tried
WRAPPED = 60  # places that are tried, in all, for a wording that the log may have wrapped
KEPT = 12  # hits of one pattern that are remembered
SHOWN = 300  # characters of a line that are shown
_MARK = b"\x02\x1d\x02\x1d\x02"  # stands in no log
_FAILURES = (b"Error: ", b"Exception: ", b"core dumped)", b"Segmentation fault", b"\nerror: ")
CONTEXT = 1 << 16  # bytes from the log's beginning and end that versions are read from


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a wording of a signature stands."""

    id: str
    signature: Signature
    position: int  # bytes from the beginning
    line: int  # from 1
    matched: str  # the line, cleaned
    words: str  # what the pattern covers, lower-case
    literals: int  # how many characters of them the pattern fixes


@dataclass(slots=True)
class Scan:
    """The hits and counts of one log."""

    hits: list[Hit] = field(default_factory=list)
    context: str = ""  # its beginning, its end, and what surrounds the hits
    last_error: str = ""  # the last line that looks like an error
    lines: int = 0


class Scanner:
    """Feed it a log piece by piece; `finish` returns what it saw."""

    def __init__(self) -> None:
        self._table = table()
        count = len(self._table.patterns)
        self._kept = [0] * count
        self._tried_to = [-1] * count
        self._failed = [0] * count
        self._budget = [WRAPPED] * count
        self._places: dict[bytes, list[int]] = {}
        self._buffer = bytearray()
        self._seen = 0  # bytes at the buffer's beginning that were searched already
        self._offset = 0  # of the buffer's beginning in the log
        self._line = 1  # the number of the buffer's first line
        self._decoder: codecs.IncrementalDecoder | None = None
        self._started = False
        self._head = b""
        self._tail = b""
        self._around: list[bytes] = []
        self._found = Scan()

    def feed(self, data: bytes) -> None:
        if not self._started and data:
            self._started = True
            self._decoder = normalize.decoder(data)
        if self._decoder is not None:
            data = self._decoder.decode(data).encode("utf-8", "replace")
        self._buffer += data
        while len(self._buffer) - self._seen >= BLOCK:
            self._search(self._seen + BLOCK)

    def finish(self) -> Scan:
        if len(self._buffer) > self._seen:
            self._search(len(self._buffer))
        around = [] if self._offset == 0 else self._around  # a short log is context as a whole
        parts = [self._head, *around, self._tail] if self._tail else [self._head]
        self._found.context = b"\n".join(parts).decode("utf-8", "replace")
        rest = bytes(self._buffer)
        self._found.lines = self._line - 1 + rest.count(b"\n") + (rest[-1:] not in (b"", b"\n"))
        return self._found

    def _search(self, end: int) -> None:
        """Search the buffer up to `end`, then forget all but the last of it."""
        raw = bytes(self._buffer[:end])
        block = normalize.without_colours(raw)
        lowered = block.lower()
        self._remember(block)
        self._look_for_errors(block)
        self._places.clear()
        for index, places in self._table.candidates(lowered):
            if self._kept[index] < KEPT and (places or self._budget[index] > 0):
                self._try(index, block, lowered, places)
        forgotten = max(end - OVERLAP, 0)
        self._line += raw.count(b"\n", 0, forgotten)
        self._offset += forgotten
        self._seen = end - forgotten
        del self._buffer[:forgotten]

    def _try(self, index: int, block: bytes, lowered: bytes, places: Sequence[int]) -> None:
        """Look around the places of a wording's literal, else of its key."""
        pattern = self._table.patterns[index][2]
        most = TRIED if self._failed[index] <= FAILED else 1
        any_hit = False
        for place in outermost(places, most):
            any_hit = self._match_at(index, block, lowered, place) or any_hit
            if self._kept[index] >= KEPT:
                return
        self._failed[index] += 0 if any_hit else len(places)
        if any_hit or self._budget[index] <= 0 or pattern.key == pattern.literal:
            return
        self._budget[index] -= 1
        for place in self._places_of(lowered, pattern.key):
            self._budget[index] -= 1
            if self._match_at(index, block, lowered, place) or self._budget[index] <= 0:
                return

    def _places_of(self, lowered: bytes, key: bytes) -> list[int]:
        """Positions of `key` in the block; many wordings share theirs."""
        if key not in self._places:
            self._places[key] = list(_places(lowered, key))
        return self._places[key]

    def _match_at(self, index: int, block: bytes, lowered: bytes, place: int) -> bool:
        """Record the wording if it stands around `place`."""
        entry_id, signature, pattern = self._table.patterns[index]
        if self._offset + place <= self._tried_to[index]:
            return False
        start, end = max(place - 2 * pattern.reach - SLACK, 0), place + 2 * pattern.reach + SLACK
        if not pattern.may_be_in(lowered[start:end]):
            return False
        covered = _match(pattern, lowered[start:place], lowered[place:end])
        if covered is None:
            return False
        self._tried_to[index] = self._offset + place
        self._kept[index] += 1
        line = self._line + block.count(b"\n", 0, place)
        shown = _line_at(block, place)
        self._found.hits.append(
            Hit(entry_id, signature, self._offset + place, line, shown, covered, pattern.literals)
        )
        if self._offset and len(self._around) < 60:
            self._around.append(block[max(0, place - 1000) : place + 1000])
        return True

    def _remember(self, block: bytes) -> None:
        if not self._head:
            self._head = block[: 2 * CONTEXT]
            self._tail = block[2 * CONTEXT :]
        else:
            self._tail = (self._tail + block)[-CONTEXT:]

    def _look_for_errors(self, block: bytes) -> None:
        """Remember the last line that says that something went wrong."""
        place = max((block.rfind(sign) for sign in _FAILURES if sign in block), default=-1)
        if place >= 0:
            self._found.last_error = _line_at(block, place + 1)


def scan(stream: BinaryIO) -> Scan:
    """Scan all that a stream has."""
    scanner = Scanner()
    while data := stream.read(8 * BLOCK):
        scanner.feed(data)
    return scanner.finish()


def _places(block: bytes, key: bytes) -> Iterator[int]:
    """Positions of `key`: the first ones, and the last ones if there are very many."""
    place, tried = block.find(key), 0
    while place >= 0 and tried < TRIED:
        yield place
        place, tried = block.find(key, place + len(key)), tried + 1
    if place < 0:
        return
    last: list[int] = []
    place = block.rfind(key)
    while place >= 0 and len(last) < TRIED:
        last.append(place)
        place = block.rfind(key, 0, place)
    yield from reversed(last)


def _match(pattern: Pattern, before: bytes, after: bytes) -> str | None:
    """The text that the pattern covers from one text into the next.

    As they are, or taken out of a JSON string.
    """
    window = before + _MARK + after
    for form in (window, *normalize.unescaped(window)):
        before, _, after = normalize.flat(form).partition(_MARK)
        covered = pattern.around(before + after, len(before))
        if covered is not None:
            return covered.decode("utf-8", "replace")
    return None


def _line_at(block: bytes, place: int) -> str:
    """The line around `place`, cleaned and cut to a length that can be shown."""
    start = max(block.rfind(b"\n", 0, place), block.rfind(b"\r", 0, place)) + 1
    ends = [end for end in (block.find(b"\n", place), block.find(b"\r", place)) if end >= 0]
    end = min(ends, default=len(block))
    start, end = max(start, place - 4 * SHOWN), min(end, place + 4 * SHOWN)
    word = max(start, block.rfind(b" ", start, place) + 1)
    before, after = (
        redacted(normalize.flat(part).decode("utf-8", "replace"))
        for part in (block[start:word], block[word:end])
    )
    return (before[-SHOWN // 2 :] + after).strip()[:SHOWN]
