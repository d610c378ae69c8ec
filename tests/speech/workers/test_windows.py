"""Windows that end in pauses, and speech without words."""

from __future__ import annotations

from mlenv.speech.workers import windows


def test_windows_hold_whole_stretches_of_speech_and_no_long_pause() -> None:
    speech = [(1.0, 12.0), (12.5, 24.0), (24.2, 32.0), (33.0, 40.0), (42.5, 50.0)]
    assert windows.pack(speech) == [(1.0, 24.0), (24.2, 40.0), (42.5, 50.0)]
    assert windows.pack(speech, 15.0, 0.5) == [
        (1.0, 12.0),
        (12.5, 24.0),
        (24.2, 32.0),
        (33.0, 40.0),
        (42.5, 50.0),
    ]
    assert windows.pack([(0.0, 45.0), (45.5, 50.0)]) == [(0.0, 45.0), (45.5, 50.0)]
    assert windows.pack([]) == []


def test_a_window_has_what_may_be_speech_on_both_sides_of_its_speech() -> None:
    speech = [(1.0, 9.0), (9.4, 20.0), (20.0, 30.0), (33.0, 40.0)]
    faint = [(0.5, 9.1), (9.2, 30.3), (31.0, 40.5)]
    assert windows.pack(speech, 30.0, 2.0, faint) == [(0.5, 30.3), (32.2, 40.5)]
    assert windows.pack(speech, 10.0, 2.0, faint) == [
        (0.5, 9.1),
        (9.2, 20.0),
        (20.0, 30.3),
        (32.2, 40.5),
    ]
    assert windows.pack([(5.0, 6.0)], faint=[(7.0, 8.0)]) == [(5.0, 6.0)]


def test_three_seconds_of_speech_without_words_are_found() -> None:
    speech = [(0.0, 10.0), (10.2, 20.0)]
    assert windows.unheard(speech, [(0.0, 7.2), (12.0, 20.0)]) == [(7.2, 12.0)]
    assert windows.unheard(speech, [(0.0, 8.0), (10.0, 10.2), (11.5, 20.0)]) == []
    assert windows.unheard(speech, []) == [(0.0, 20.0)]
    assert windows.unheard([(0.0, 2.0), (4.0, 6.0)], []) == []


def test_a_word_between_two_places_keeps_them_apart() -> None:
    assert windows.unheard([(0.0, 4.0), (4.3, 9.0)], [(4.0, 4.3)]) == [(0.0, 4.0), (4.3, 9.0)]


def test_faint_speech_counts_where_it_lasts_a_second() -> None:
    speech = [(2.0, 4.0), (4.0, 6.0), (9.0, 10.0)]
    assert windows.beyond([(0.0, 7.0), (8.5, 12.0), (20.0, 20.9)], speech) == [
        (0.0, 2.0),
        (6.0, 7.0),
        (10.0, 12.0),
    ]
    assert windows.beyond([(0.0, 0.9)], []) == []
    assert windows.beyond([], speech) == []


def test_spans_are_joined_and_cut() -> None:
    assert windows.union([(3.0, 4.0), (0.0, 2.0), (1.0, 3.0)]) == [(0.0, 4.0)]
    assert windows.within([(0.0, 5.0), (6.0, 9.0)], [(4.0, 7.0)]) == [(4.0, 5.0), (6.0, 7.0)]
