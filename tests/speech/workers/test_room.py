"""The length of a recording whose speakers have room."""

from __future__ import annotations

import pytest

from mlenv.speech.workers import room

HOUR = 3600 * room.RATE


def test_a_recording_that_is_too_long_is_refused_with_the_length_that_has_room() -> None:
    with pytest.raises(MemoryError) as refused:
        room.check(24 * HOUR, 10e9)
    assert str(refused.value) == (
        "the speakers of 24.0 h take about 16.4 GB, up to 12.9 h have room"
    )
    with pytest.raises(MemoryError, match=r"3\.6 GB, a shorter one may have room"):
        room.check(3 * HOUR, 2.6e9)


@pytest.mark.parametrize(("hours", "free"), [(24, None), (24, 20e9), (10, 10e9), (1, 2e9)])
def test_others_are_let_through(hours: int, free: float | None) -> None:
    room.check(hours * HOUR, free)
