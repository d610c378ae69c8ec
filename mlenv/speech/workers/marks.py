"""Find damage in raw GSM files by the mark of their frames, which FFmpeg does not look at.

It takes 33 bytes a frame wherever they are, and makes noise of those that are none. Standard
library only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .timeline import Span

FRAME = 33  # bytes
SECONDS = 0.02  # of a frame
MARK = 0xD  # the first four bits of a frame (GSM 06.10 as RFC 3551 packs it)
SOUND = 8  # frames in a row with the mark that are no chance


def of_gsm(path: str) -> list[Span]:
    """The parts of a raw GSM file whose frames lack their mark."""
    spans: list[Span] = []
    begin, last = 0, -1  # the first and the last frame without a mark of the present part
    for number in _unmarked(path):
        if last >= 0 and number - last <= SOUND:
            last = number
            continue
        if last >= 0:
            spans.append(_span(begin, last))
        begin = last = number
    return [*spans, _span(begin, last)] if last >= 0 else spans


def _unmarked(path: str) -> Iterator[int]:
    """Numbers of the frames without a mark."""
    number = 0
    with Path(path).open("rb") as stream:
        while len(block := stream.read(FRAME << 12)) >= FRAME:
            for first in block[: len(block) // FRAME * FRAME : FRAME]:
                if first >> 4 != MARK:
                    yield number
                number += 1


def _span(first: int, last: int) -> Span:
    start, end = first * SECONDS, (last + 1) * SECONDS
    return Span("damage", start, end, end - start)
