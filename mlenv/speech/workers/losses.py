"""Say what of a file is missing: warnings with place and seconds. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .protocol import FileWarning
from .timeline import Span

NEAR = 1.0  # seconds between two damaged places that are named as one
MOST = 10  # places that are named one by one
SHORTEST_GAP = 0.5  # seconds; shorter ones are how recorders write their times

# Containers whose sound has no holes but by damage or loss on the way. Others (Matroska, MP4, FLV)
# may leave out packets where nothing was recorded.
WITHOUT_HOLES = frozenset({"ogg", "mpegts", "mpeg", "asf", "rm", "mp3", "aac", "flac", "ac3"})


@dataclass(frozen=True)
class Losses:
    """The warnings of one file, and what could not be read of it.

    `within`: seconds on its clock that hold silence instead. `behind`: seconds that are not on it.
    """

    warnings: tuple[FileWarning, ...] = ()
    within: float = 0.0
    behind: float = 0.0

    def __add__(self, other: Losses) -> Losses:
        warnings = (*self.warnings, *other.warnings)
        return Losses(warnings, self.within + other.within, self.behind + other.behind)

    def share(self, held: float) -> float:
        """The share of the file that could not be read, where `held` seconds are decoded."""
        whole = held + self.behind
        return min(1.0, (self.within + self.behind) / whole) if whole else 0.0


def of_spans(spans: Sequence[Span], form: str) -> Losses:
    """The losses of a timeline's spans. `form`: FFmpeg's name of the container."""
    damage = ("damage", "gap") if form in WITHOUT_HOLES else ("damage",)
    damaged = _joined(span for span in spans if span.kind in damage)
    gaps = [
        span for span in spans if span.kind == "gap" not in damage and span.lost >= SHORTEST_GAP
    ]
    jumps = [span for span in spans if span.kind == "jump"]
    warnings = (
        *_named("damaged", damaged, "is damaged", "could not be decoded"),
        *_named("gap", gaps, "holds no sound", "are silence here"),
        *_jumps(jumps),
    )
    within = sum(min(span.lost, span.end - span.start) for span in damaged)
    return Losses(warnings, within, behind=sum(span.lost for span in damaged) - within)


def of_length(promised: float | None, held: float) -> Losses:
    """The loss of a file that should last `promised` seconds; infinite: longer than `held`."""
    if promised is None or promised - 1.0 - 0.002 * held <= held:
        return Losses()
    is_known = math.isfinite(promised)
    should = f"it should last {promised:.1f} s" if is_known else "its end is missing"
    message = f"breaks off: {should}, {held:.1f} s of it can be decoded"
    found = warning("truncated", message, held, promised if is_known else None)
    return Losses((found,), behind=promised - held if is_known else 0.0)


def warning(
    code: str, message: str, start: float | None = None, end: float | None = None
) -> FileWarning:
    """One warning; times in seconds on the file's clock, None where it has no place."""
    return {"code": code, "message": message, "start": _rounded(start), "end": _rounded(end)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        if joined and span.start - joined[-1].end <= NEAR:
            last = joined[-1]
            joined[-1] = replace(last, end=span.end, lost=last.lost + span.lost)
        else:
            joined.append(span)
    return joined


def _named(code: str, spans: Sequence[Span], what: str, loss: str) -> Iterator[FileWarning]:
    if len(spans) > MOST:
        start, end, lost = spans[0].start, spans[-1].end, sum(span.lost for span in spans)
        place = f"in {len(spans)} places from {start:.1f} to {end:.1f} s"
        yield warning(code, f"{what} {place}: {_amount(lost)} {loss}", start, end)
        return
    for span in spans:
        message = f"{what} {_place(span)}: {_amount(span.lost)} {loss}"
        yield warning(code, message, span.start, span.end)


def _jumps(spans: Sequence[Span]) -> Iterator[FileWarning]:
    if spans:
        first = spans[0]
        times = "once" if len(spans) == 1 else f"{len(spans)} times"
        way = "forwards" if first.lost > 0 else "back"
        message = (
            f"has times that jump {times}, first at {first.start:.1f} s "
            f"by {abs(first.lost):.1f} s {way}: from there on times count the decoded sound"
        )
        yield warning("times", message, first.start)


def _place(span: Span) -> str:
    if span.end - span.start < 0.1:
        return f"at {span.start:.1f} s"
    return f"from {span.start:.1f} to {span.end:.1f} s"


def _amount(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds:.2f} s" if seconds else "some sound"
