"""Where frames belong on a file's clock: gaps, late beginnings, jumps, damage."""

from __future__ import annotations

import pytest

from mlenv.speech.workers.timeline import Span, Timeline

Frame = tuple[float | None, float]  # its time and its seconds


def silences(timeline: Timeline, frames: list[Frame]) -> list[float]:
    return [timeline.place(time, seconds) for time, seconds in frames]


@pytest.mark.parametrize("times", [[0.0, 1.0, 2.0], [None, None, None], [0.0, None, 2.0]])
def test_frames_without_gaps_follow_each_other(times: list[float | None]) -> None:
    timeline = Timeline(0.0, None)
    assert silences(timeline, [(time, 1.0) for time in times]) == [0.0, 0.0, 0.0]
    assert (timeline.position, timeline.spans) == (3.0, [])


def test_times_count_from_the_first_of_the_file() -> None:
    """A recording of a broadcast begins at any time; so does a stream without other streams."""
    for origin in (3600.0, None):
        timeline = Timeline(origin, None)
        assert silences(timeline, [(3600.0, 1.0), (3601.0, 1.0)]) == [0.0, 0.0]


def test_small_differences_of_times_are_left_alone() -> None:
    timeline = Timeline(0.0, None)
    frames: list[Frame] = [(0.02, 1.0), (0.95, 1.0), (2.05, 1.0), (2.9, 1.0)]
    assert silences(timeline, frames) == [0.0] * 4
    assert timeline.spans == []


def test_a_stream_that_begins_late_keeps_its_place() -> None:
    timeline = Timeline(10.0, None)
    assert silences(timeline, [(15.0, 1.0), (16.0, 1.0)]) == [5.0, 0.0]
    assert timeline.spans == [Span("late", 0.0, 5.0, 5.0)]


def test_a_gap_becomes_silence() -> None:
    timeline = Timeline(0.0, None)
    assert silences(timeline, [(0.0, 1.0), (8.0, 1.0), (9.0, 1.0)]) == [0.0, 7.0, 0.0]
    assert (timeline.position, timeline.spans) == (10.0, [Span("gap", 1.0, 8.0, 7.0)])


def test_damage_with_times_around_it_takes_exactly_their_difference() -> None:
    timeline = Timeline(0.0, None)
    timeline.place(0.0, 1.0)
    timeline.damage(0.02)
    timeline.damage(0.02)
    assert timeline.place(1.04, 1.0) == pytest.approx(0.04)
    (span,) = timeline.spans
    assert (span.kind, span.start) == ("damage", 1.0)
    assert (span.end, span.lost) == (pytest.approx(1.04), pytest.approx(0.04))


def test_damage_without_times_is_counted_by_the_packets() -> None:
    timeline = Timeline(None, None)
    timeline.place(None, 1.0)
    timeline.damage(0.5)
    assert timeline.place(None, 1.0) == 0.0
    timeline.damage(0.25)
    timeline.end(0)
    assert timeline.spans == [Span("damage", 1.0, 1.0, 0.5), Span("damage", 2.0, 2.0, 0.25)]


@pytest.mark.parametrize("there", [-50.0, 90_000.0])
def test_times_that_jump_are_named_and_the_decoded_time_goes_on(there: float) -> None:
    timeline = Timeline(0.0, None)
    frames: list[Frame] = [(0.0, 1.0), (there, 1.0), (there + 1.0, 1.0), (there + 4.0, 1.0)]
    assert silences(timeline, frames) == [0.0, 0.0, 0.0, 2.0]
    assert timeline.spans == [Span("jump", 1.0, 1.0, there - 1.0), Span("gap", 3.0, 5.0, 2.0)]


def test_a_long_gap_is_believed_where_the_file_is_that_long() -> None:
    timeline = Timeline(0.0, 4000.0)
    assert silences(timeline, [(0.0, 1.0), (3900.0, 1.0), (9000.0, 1.0)]) == [0.0, 3899.0, 0.0]
    assert [span.kind for span in timeline.spans] == ["gap", "jump"]


def test_times_that_only_count_the_sound_are_left_where_another_file_was_joined() -> None:
    timeline = Timeline(0.0, None, counts=True)
    frames: list[Frame] = [(0.0, 9.0), (0.0, 1.0), (77.0, 1.0), (5.0, 1.0)]
    assert silences(timeline, frames) == [0.0] * 4
    assert (timeline.position, timeline.spans) == (12.0, [])
    timeline = Timeline(0.0, None, counts=True)
    assert timeline.place(0.0, 1.0, 48_000) == 0.0
    assert timeline.place(2.0, 1.0, 48_000) == 1.0
    assert timeline.place(4.0, 1.0, 32_000) == 0.0
    assert timeline.place(9.0, 1.0, 32_000) == 0.0


def test_only_the_first_time_counts_where_the_container_has_none() -> None:
    timeline = Timeline(0.0, None, untimed=True)
    assert silences(timeline, [(2.0, 1.0), (50.0, 1.0), (0.0, 1.0)]) == [2.0, 0.0, 0.0]
    assert timeline.position == 5.0


def test_a_read_that_fails_at_the_very_end_is_no_damage() -> None:
    for seconds, left, found in (
        (0.0, 100, []),
        (0.0, 9000, [Span("damage", 1.0, 1.0, 0.0)]),
        (0.02, 100, []),
        (0.5, 0, [Span("damage", 1.0, 1.0, 0.5)]),
    ):
        timeline = Timeline(0.0, None)
        timeline.place(0.0, 1.0)
        timeline.damage(seconds)
        timeline.end(left)
        assert timeline.spans == found


def test_times_that_are_all_over_the_place_make_no_sense() -> None:
    gaps, jumps, few = (Timeline(0.0, None) for _ in range(3))
    silences(gaps, [(5.0 * n, 1.0) for n in range(12)])
    silences(jumps, [(-9.0 * n, 1.0) for n in range(12)])
    silences(few, [(5.0 * n, 1.0) for n in range(5)])
    assert [each.makes_sense for each in (gaps, jumps, few)] == [False, False, True]
