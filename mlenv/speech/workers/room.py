"""The memory that the speakers of a long recording take, and what bounds it.

Standard library only.
"""

from __future__ import annotations

from typing import Any

from .losses import warning
from .protocol import FileWarning

GB = 10**9
RATE = 16_000
# pyannote.audio compares each voice with each other one: 16 bytes a pair at the peak.
MOST = 14_400  # voices, one for each second and speaker: four hours of speech
AT_ALL = 0.9 * GB + 8.0 * MOST**2  # with both models
EACH_SECOND = 160_000  # bytes: samples, windows of 10 s that overlap by 9 s, and their sums


def check(samples: int, free: float | None) -> None:
    """Raise `MemoryError` with the length that has room, where a recording is longer."""
    seconds = samples / RATE
    takes = 0.9 * GB + 8.0 * min(seconds, MOST) ** 2 + seconds * EACH_SECOND
    if free is None or takes <= free:
        return
    fits = max(0.0, free - AT_ALL) / EACH_SECOND
    length = f"up to {fits / 3600:.1f} h have" if fits > MOST else "a shorter one may have"
    raise MemoryError(
        f"the speakers of {seconds / 3600:.1f} h take about {takes / GB:.1f} GB, {length} room"
    )


class Bounded:
    """Learns the voices from `MOST` of them, evenly spread; the others join the nearest.

    Put around the method of pyannote.audio's clustering that chooses what is compared. `share`: of
    the voices of the last recording.
    """

    def __init__(self, pipeline: Any) -> None:
        self.share = 1.0
        clustering: Any = getattr(pipeline, "clustering", None)
        if hasattr(clustering, "filter_embeddings"):
            self._chosen = clustering.filter_embeddings
            clustering.filter_embeddings = self._spread

    def _spread(self, *words: Any, **options: Any) -> tuple[Any, ...]:
        arrays = self._chosen(*words, **options)
        count = len(arrays[0])
        self.share = min(1.0, MOST / count) if count else 1.0
        if count <= MOST:
            return tuple(arrays)
        places = [number * count // MOST for number in range(MOST)]
        return tuple(array[places] for array in arrays)

    def warnings(self) -> list[FileWarning]:
        """Warnings about the last recording."""
        if self.share == 1.0:
            return []
        message = (
            f"holds so much speech that its voices are learned from {self.share:.0%} of it: "
            "who speaks little may be taken for another"
        )
        return [warning("speakers", message)]
