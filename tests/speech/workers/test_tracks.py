"""Which of a file's audio tracks is heard, and the line about the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlenv.speech.workers.tracks import NoTrack, choose


def track(language: str = "", title: str = "", *, default: bool = False) -> Any:
    metadata = {"language": language} if language else {}
    if title:
        metadata["title"] = title
    return SimpleNamespace(metadata=metadata, disposition=SimpleNamespace(value=int(default)))


ONE = track("eng")
FILM = [track("jpn"), track("eng", "Commentary"), track("eng", default=True), track()]
LISTED = "4 audio tracks (1: jpn, 2: eng Commentary, 3: eng, 4: unknown language)"


@pytest.mark.parametrize("requested", [(), ("1",), ("en", "eng")])
def test_nothing_is_said_of_a_single_track(requested: tuple[str, ...]) -> None:
    assert choose([ONE], requested) == (ONE, "")


def test_the_default_track_and_what_else_is_there() -> None:
    line = f"has {LISTED}: track 3 is heard, --track takes another"
    assert choose(FILM, ()) == (FILM[2], line)
    without = [track("jpn"), track("eng")]
    chosen, line = choose(without, ())
    assert chosen is without[0]
    assert line.endswith("(1: jpn, 2: eng): track 1 is heard, --track takes another")


def test_a_requested_track_needs_no_line_unless_several_fit() -> None:
    assert choose(FILM, ("4",)) == (FILM[3], "")
    assert choose(FILM, ("ja", "jpn")) == (FILM[0], "")
    line = f"has {LISTED}: track 2 is heard, --track takes another"
    assert choose(FILM, ("en", "eng")) == (FILM[1], line)


@pytest.mark.parametrize("requested", [("5",), ("de", "ger", "deu")])
def test_a_track_that_is_not_there(requested: tuple[str, ...]) -> None:
    with pytest.raises(NoTrack) as caught:
        choose(FILM, requested)
    assert str(caught.value) == f"has no audio track {requested[0]}, but {LISTED}"


def test_a_title_in_another_encoding_is_shown_as_far_as_it_can_be() -> None:
    _, line = choose([track("fra", "d\udce9bat"), track("eng")], ())
    assert line.startswith("has 2 audio tracks (1: fra dbat, 2: eng)")
