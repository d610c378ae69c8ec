"""Cut a recording into the windows that Whisper hears, and find speech that got no words.

A window begins and ends in a pause, so that no sentence is split between two. Standard library
only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Span = tuple[float, float]  # start and end in seconds

LONGEST = 30.0  # seconds that Whisper hears at once
AGAIN = 15.0  # the same where it heard nothing at first
PAUSE = 2.0  # seconds without speech that are not transcribed
UNHEARD = 3.0  # seconds of speech without words that are worth a word
FAINT_AT_LEAST = (
    1.0  # seconds that may be speech which are taken for it; noise seldom lasts so long
)
CLOSE = 0.5  # seconds between two such places that are one


def pack(speech: Sequence[Span], longest: float = LONGEST, pause: float = PAUSE) -> list[Span]:
    """Join stretches of speech to windows of at most `longest` seconds, without longer pauses.

    A stretch that is longer by itself stays whole: Whisper finds its way through it.
    """
    windows: list[Span] = []
    for start, end in speech:
        if windows and end - windows[-1][0] <= longest and start - windows[-1][1] <= pause:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows


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
