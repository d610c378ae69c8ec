"""The clock of a file: where on it each decoded frame belongs, and what is missing between them.

Zero is where the file begins, as players count: the earliest of its streams. Frames bring times,
which a sound decoder's output must not be closed up against: a stream may begin late, packets
may be lost. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

JITTER = 0.1  # seconds; times are that inexact in many containers
BACK = 0.2  # seconds by which a time may lag before it counts as a jump
MANY = 10  # jumps, or gaps that together are longer than the sound, that make no sense
LEAST = 4096  # bytes behind the last packet that may be no sound
BELIEVED = 600.0  # seconds of a gap that need no other evidence
LONGEST = 6 * 3600.0  # seconds of a gap that are believed at all


@dataclass(frozen=True)
class Span:
    """A part without sound on the file's clock. `lost`: seconds; may be more than the span's own.

    `kind`: `late` (the stream begins there), `damage`, `gap` (no packets, nothing is known to be
    damaged) or `jump` (its times jump, by `lost`, forwards or back).
    """

    kind: str
    start: float
    end: float
    lost: float


class Timeline:
    """Place frames one after another.

    `origin`: the file's first time in seconds, None if it has none. `duration`: the file's, None
    if it is not known for sure. `counts`: the container has no clock, its times count the sound.
    Where they go back or the rate changes, another file was joined to it, and they mean nothing.
    `untimed`: only the first time means anything. `position`: seconds of other containers before
    this one.
    """

    def __init__(
        self,
        origin: float | None,
        duration: float | None,
        *,
        counts: bool = False,
        untimed: bool = False,
        position: float = 0.0,
    ) -> None:
        self._shift = None if origin is None else origin - position
        self._counts, self._untimed = counts, untimed
        self._start = position
        self._joined = False
        self._rate = 0
        self._duration = duration
        self._begun = False
        self._damage: float | None = None  # seconds of damage since the last frame
        self.position = position
        self.spans: list[Span] = []

    def damage(self, seconds: float) -> None:
        """Note that so many seconds could not be decoded here."""
        self._damage = (self._damage or 0.0) + seconds

    def place(self, time: float | None, seconds: float, rate: int = 0) -> float:
        """Place a frame of `seconds` that says it begins at `time`; returns silence before it.

        `rate`: samples a second, to notice that it changes.
        """
        if self._begun and (self._untimed or (self._counts and rate != self._rate)):
            self._joined = True
        self._rate = rate
        silence = self._silence(time)
        self._begun = True
        self._damage = None
        self.position += silence + seconds
        return silence

    @property
    def makes_sense(self) -> bool:
        """The times are not all over the place."""
        jumps = sum(span.kind == "jump" for span in self.spans)
        gaps = [span.lost for span in self.spans if span.kind == "gap"]
        lost = sum(gaps)
        return jumps < MANY and (len(gaps) < MANY or lost < self.position - self._start - lost)

    def end(self, left: int) -> None:
        """Note damage behind the last frame, where `left` bytes of the file follow it.

        The last packet of many encoders is no whole one.
        """
        if self._damage is not None and (self._damage > JITTER or left > LEAST):
            self._add("damage", 0.0, self._damage or 0.0)

    def _silence(self, time: float | None) -> float:
        if time is None or self._joined:
            return self._undated()
        if self._shift is None:
            self._shift = time - self.position
        ahead = time - self._shift - self.position
        if self._damage is not None and 0 <= ahead <= BELIEVED:
            self._add("damage", ahead, max(ahead, self._damage))
            return ahead
        if -BACK <= ahead <= JITTER:
            return self._undated()
        if ahead > 0 and self._is_believable(ahead):
            self._add("gap" if self._begun else "late", ahead, ahead)
            return ahead
        if self._counts and ahead < 0:
            self._joined = True
            return self._undated()
        self._add("jump", 0.0, ahead)
        self._shift = time - self.position
        return self._undated()

    def _undated(self) -> float:
        if self._damage is not None:
            self._add("damage", 0.0, self._damage)
        return 0.0

    def _is_believable(self, ahead: float) -> bool:
        if ahead <= BELIEVED:
            return True
        end = self.position - self._start + ahead
        return ahead <= LONGEST and self._duration is not None and end <= self._duration + 1.0

    def _add(self, kind: str, length: float, lost: float) -> None:
        self.spans.append(Span(kind, self.position, self.position + length, lost))
