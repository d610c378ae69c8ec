"""The words for what is missing of a file, and how much of it that is."""

from __future__ import annotations

import math

from mlenv.speech.workers.losses import Losses, of_length, of_spans, warning
from mlenv.speech.workers.timeline import Span


def test_damage_is_named_with_place_and_seconds() -> None:
    spans = [Span("damage", 20.0, 20.42, 0.42), Span("damage", 20.5, 20.6, 0.1)]
    spans += [Span("damage", 40.0, 40.0, 0.023), Span("damage", 50.0, 50.0, 0.0)]
    lost = of_spans(spans, "mov")
    assert lost.warnings == (
        warning("damaged", "is damaged from 20.0 to 20.6 s: 0.5 s could not be decoded", 20, 20.6),
        warning("damaged", "is damaged at 40.0 s: 0.02 s could not be decoded", 40.0, 40.0),
        warning("damaged", "is damaged at 50.0 s: some sound could not be decoded", 50.0, 50.0),
    )
    assert round(lost.share(54.3), 4) == 0.01


def test_what_the_clock_lacks_is_a_share_of_the_whole() -> None:
    """Half of a file, behind damage at which its decoder ended."""
    lost = of_spans([Span("damage", 10.0, 10.0, 10.0)], "sbc")
    assert (lost.within, lost.behind, lost.share(10.0)) == (0.0, 10.0, 0.5)


def test_many_damaged_places_are_one_line() -> None:
    lost = of_spans([Span("damage", 5.0 * n, 5.0 * n + 1, 1.0) for n in range(40)], "mov")
    message = "is damaged in 40 places from 0.0 to 196.0 s: 40.0 s could not be decoded"
    assert lost.warnings == (warning("damaged", message, 0.0, 196.0),)
    assert lost.share(200.0) == 0.2


def test_a_gap_is_a_loss_only_where_the_container_has_none_by_itself() -> None:
    gaps = [Span("gap", 3.0, 10.0, 7.0), Span("gap", 12.0, 12.2, 0.2), Span("late", 0.0, 2.0, 2.0)]
    recorded = of_spans(gaps, "matroska")
    message = "holds no sound from 3.0 to 10.0 s: 7.0 s are silence here"
    assert recorded == Losses((warning("gap", message, 3.0, 10.0),))
    received = of_spans(gaps, "mpegts")
    assert [each["code"] for each in received.warnings] == ["damaged", "damaged"]
    assert round(received.within, 3) == 7.2


def test_jumps_are_one_line() -> None:
    lost = of_spans([Span("jump", 5.0, 5.0, -4.0), Span("jump", 9.0, 9.0, 800.0)], "mpegts")
    message = (
        "has times that jump 2 times, first at 5.0 s by 4.0 s back: "
        "from there on times count the decoded sound"
    )
    assert lost == Losses((warning("times", message, 5.0),))


def test_a_file_that_breaks_off() -> None:
    message = "breaks off: it should last 60.0 s, 45.0 s of it can be decoded"
    short = of_length(60.0, 45.0)
    assert short == Losses((warning("truncated", message, 45.0, 60.0),), behind=15.0)
    assert short.share(45.0) == 0.25
    message = "breaks off: its end is missing, 45.0 s of it can be decoded"
    assert of_length(math.inf, 45.0) == Losses((warning("truncated", message, 45.0),))
    assert of_length(45.9, 45.0) == of_length(None, 45.0) == of_length(10.0, 45.0) == Losses()


def test_shares_add_up() -> None:
    both = Losses((), within=1.0) + Losses((), behind=10.0)
    assert both.share(10.0) == 0.55
    assert Losses((), behind=5.0).share(0.0) == 1.0
    assert Losses().share(0.0) == 0.0
