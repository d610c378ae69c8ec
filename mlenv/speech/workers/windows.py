"""Cut a recording into the windows that Whisper hears, and find speech that got no words.

A window begins and ends in a pause, so that no sentence is split between two. Standard library
only.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence

Span = tuple[float, float]  # start and end in seconds

LONGEST = 30.0  # seconds that Whisper hears at once
AGAIN = 15.0  # the same where it heard nothing at first
PAUSE = 2.0  # seconds without speech that are not transcribed
EDGE = 0.8  # seconds at most of what may be speech that Whisper hears with what is
UNHEARD = 3.0  # seconds of speech without words that are worth a word
FAINT_AT_LEAST = (
    1.0  # seconds that may be speech which are taken for it; noise seldom lasts so long
)
CLOSE = 0.5  # seconds between two such places that are one


def pack(
    speech: Sequence[Span],
    longest: float = LONGEST,
    pause: float = PAUSE,
    faint: Sequence[Span] = (),
) -> list[Span]:
    """Join stretches of speech to windows of at most `longest` seconds, without longer pauses.

    A stretch that is longer by itself stays whole: Whisper finds its way through it. `faint`: what
    may be speech, of which a window has `EDGE` seconds at most on both sides.
    """
    windows: list[Span] = []
    ended = -math.inf  # the speech of the last window
    for (start, end), (first, last) in zip(speech, _widened(speech, faint), strict=True):
        if windows and last - windows[-1][0] <= longest and start - ended <= pause:
            windows[-1] = (windows[-1][0], last)
        else:
            windows.append((first, last))
        ended = end
    return windows


def _widened(speech: Sequence[Span], faint: Sequence[Span]) -> Iterator[Span]:
    """Add to each stretch what is faint on both sides of it, up to the middle of the pause."""
    for number, (start, end) in enumerate(speech):
        before = speech[number - 1][1] if number else -math.inf
        after = speech[number + 1][0] if number + 1 < len(speech) else math.inf
        first, _ = _around(start, faint)
        _, final = _around(end, faint)
        yield (
            min(start, max(first, start - EDGE, (before + start) / 2)),
            max(end, min(final, end + EDGE, (end + after) / 2)),
        )


def _around(time: float, spans: Sequence[Span]) -> Span:
    """The span of those, which are in order and apart, that a time is in; else the time alone."""
    number = bisect.bisect_right(spans, (time, math.inf)) - 1
    is_in = number >= 0 and spans[number][1] >= time
    return spans[number] if is_in else (time, time)


def unheard(speech: Iterable[Span], heard: Iterable[Span]) -> list[Span]:
    """The places with at least `UNHEARD` seconds of `speech` of which nothing is in `heard`."""
    joined: list[Span] = []
    amounts: list[float] = []
    words = sorted(heard)
    for span in sorted(speech):
        for start, end in _without(span, words):
            if joined and start - joined[-1][1] <= CLOSE and not _between(joined[-1], start, words):
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
                amounts[-1] += end - start
            else:
                joined.append((start, end))
                amounts.append(end - start)
    return [span for span, amount in zip(joined, amounts, strict=True) if amount >= UNHEARD]


def beyond(faint: Iterable[Span], speech: Sequence[Span]) -> list[Span]:
    """The parts of `faint` speech outside `speech`, which is in order, that last a second."""
    parts = (part for span in faint for part in _without(span, speech))
    return [(start, end) for start, end in parts if end - start >= FAINT_AT_LEAST]


def union(spans: Iterable[Span]) -> list[Span]:
    """Sort spans and merge those that overlap."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def within(speech: Iterable[Span], places: Sequence[Span]) -> list[Span]:
    """The parts of `speech` that lie in `places`."""
    parts = ((max(start, first), min(end, last)) for start, end in speech for first, last in places)
    return sorted((start, end) for start, end in parts if end > start)


def _without(span: Span, holes: Sequence[Span]) -> Iterator[Span]:
    """Cut the holes, which are in order, out of a span."""
    start, end = span
    for first, last in holes:
        if first >= end:
            break
        if last > start:
            if first > start:
                yield start, first
            start = max(start, last)
    if start < end:
        yield start, end


def _between(before: Span, start: float, words: Sequence[Span]) -> bool:
    return any(first < start and last > before[1] for first, last in words)
