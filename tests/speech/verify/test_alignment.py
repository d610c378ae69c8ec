"""Found words beside the known ones."""

from __future__ import annotations

import pytest

from mlenv.speech.transcribe.transcript import Word
from mlenv.speech.verify.alignment import aligned
from mlenv.speech.verify.scores import word_error_rate


def heard(text: str) -> list[Word]:
    """A word each second, written as Whisper writes it."""
    return [
        {
            "word": f" {word}",
            "start": place,
            "end": place + 0.5,
            "probability": 0.9,
            "speaker": None,
        }
        for place, word in enumerate(text.split())
    ]


def marks(found: str, known: str) -> list[tuple[str, str, str]]:
    return [(each.kind, each.found, each.known) for each in aligned(heard(found), known.split())]


@pytest.mark.parametrize(
    ("found", "known", "wrong"),
    [
        ("Good day, husband.", "GOOD DAY HUSBAND", []),
        ("Number 10, fresh.", "NUMBER TEN FRESH", []),
        ("A bird and sea.", "A BIRD AND TREE", [("substituted", "sea.", "TREE")]),
        ("A bird tree.", "A BIRD AND TREE", [("missing", "", "AND")]),
        ("A bird and a tree.", "A BIRD AND TREE", [("added", "a", "")]),
        ("It's here.", "IT IS HERE", []),
        ("It here.", "IT'S HERE", [("substituted", "It", "IT'S")]),
        ("Uh, um, here.", "HERE", []),
        ("here - and there", "HERE AND THERE", []),
        ("", "NOBODY THERE", [("missing", "", "NOBODY"), ("missing", "", "THERE")]),
        ("Thank you.", "", [("added", "Thank", ""), ("added", "you.", "")]),
        ("at the end", "THE END AT", [("added", "at", ""), ("missing", "", "AT")]),
    ],
)
def test_wrong_words_are_marked(found: str, known: str, wrong: list[tuple[str, str, str]]) -> None:
    assert [each for each in marks(found, known) if each[0] != "right"] == wrong


def test_each_word_is_there_once_and_in_order_with_its_times() -> None:
    found, known = "Well - the uh Goodnight, cat's sat here", "THE GOOD NIGHT CAT IS SAT"
    words = aligned(heard(found), known.split())
    assert [each.found for each in words if each.found] == found.split()
    assert [each.start for each in words if each.found] == list(range(len(found.split())))
    assert [each.end for each in words if not each.found] == [None]
    said = " ".join(each.known for each in words if each.known).split()
    assert sorted(said) == sorted(known.split())


def test_marks_count_as_the_rate_does() -> None:
    found, known = "but in this forget copied from turner you", "BUT IN VIGNETTE COPIED FROM TURNER"
    wrong = [each for each in marks(found, known) if each[0] != "right"]
    assert len(wrong) / len(known.split()) == pytest.approx(word_error_rate([known], [found]), 1e-3)
