"""Which speaker gets which word."""

from __future__ import annotations

import pytest

from mlenv.speech.transcribe import speakers
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.transcript import Segment, Turn, Word


def turn(start: float, end: float, speaker: str) -> Turn:
    return {"start": start, "end": end, "speaker": speaker}


def word(text: str, start: float, end: float) -> Word:
    return {
        "word": f" {text}", "start": start, "end": end, "probability": 1.0, "speaker": None,
    }  # fmt: skip


def said(*words: Word) -> Segment:
    return {
        "start": words[0]["start"],
        "end": words[-1]["end"],
        "text": "".join(w["word"] for w in words).strip(),
        "speaker": None,
        "words": list(words),
        "channel": None,
    }


def test_a_segment_is_split_where_the_speaker_changes() -> None:
    heard = [said(word("yes", 0.0, 0.9), word("no,", 1.2, 1.6), word("never", 1.7, 2.0))]
    turns = [turn(0.0, 1.0, "A"), turn(1.0, 2.0, "B")]
    assert speakers.with_speakers(heard, turns) == [
        {
            "start": 0.0,
            "end": 0.9,
            "text": "yes",
            "speaker": "A",
            "words": [{**word("yes", 0.0, 0.9), "speaker": "A"}],
            "channel": None,
        },
        {
            "start": 1.2,
            "end": 2.0,
            "text": "no, never",
            "speaker": "B",
            "words": [
                {**word("no,", 1.2, 1.6), "speaker": "B"},
                {**word("never", 1.7, 2.0), "speaker": "B"},
            ],
            "channel": None,
        },
    ]


def test_a_word_goes_to_whoever_speaks_for_most_of_it() -> None:
    turns = [turn(0.0, 1.0, "A"), turn(1.0, 2.0, "B")]
    assert speakers.speaker_at(0.7, 1.2, turns) == "A"
    assert speakers.speaker_at(0.9, 1.2, turns) == "B"


def test_pieces_of_one_speaker_add_up() -> None:
    turns = [turn(0.0, 0.3, "A"), turn(0.3, 0.7, "B"), turn(0.7, 1.0, "A")]
    assert speakers.speaker_at(0.0, 1.0, turns) == "A"


def test_a_word_in_a_pause_goes_to_the_nearest() -> None:
    turns = [turn(0.0, 1.0, "A"), turn(3.0, 4.0, "B")]
    assert speakers.speaker_at(1.2, 1.4, turns) == "A"
    assert speakers.speaker_at(2.6, 2.9, turns) == "B"


def test_nobody_without_turns() -> None:
    assert speakers.speaker_at(0.0, 1.0, []) is None


def test_a_segment_without_words_gets_its_speaker_whole() -> None:
    heard: Segment = {**said(word("hm", 0.0, 1.0)), "words": []}
    assert speakers.with_speakers([heard], [turn(0.0, 5.0, "A")]) == [{**heard, "speaker": "A"}]


def test_names_go_by_who_speaks_first_and_never_run_out() -> None:
    turns = [turn(5.0, 6.0, "x"), turn(0.0, 1.0, "z"), turn(2.0, 3.0, "y")]
    assert speakers.names_of(turns, ["Ann"]) == {"z": "Ann", "y": "SPEAKER_01", "x": "SPEAKER_02"}
    assert speakers.renamed(turns[:1], {"x": "Bob"}) == [turn(5.0, 6.0, "Bob")]


@pytest.mark.parametrize(
    ("words", "clause"),
    [
        ("", None),
        ("--num-speakers 2", None),
        ("--min-speakers 1 --max-speakers 2", None),
        ("--speaker-names Ann,Bob", None),
        ("--num-speakers 5", "--num-speakers 5 was asked for"),
        ("--num-speakers 1", "--num-speakers 1 was asked for"),
        ("--min-speakers 3", "--min-speakers 3 was asked for"),
        ("--max-speakers 1", "--max-speakers 1 was asked for"),
        ("--speaker-names Ann,Bob,Cat", "3 names were asked for"),
    ],
)
def test_a_number_of_speakers_that_is_not_met(words: str, clause: str | None) -> None:
    options = parse(["a.wav", "--diarize", *words.split()])
    expected = clause and f"has 2 speakers that can be told apart by voice, and {clause}"
    assert speakers.unmet(2, options) == expected


def test_channels_are_speakers_by_name_and_number() -> None:
    first: Segment = {
        "start": 0.0, "end": 1.0, "text": "Hello.", "speaker": None, "words": [], "channel": 2,
    }  # fmt: skip
    hi = word("Hi.", 1.5, 2.0)
    second: Segment = {
        "start": 1.5, "end": 2.0, "text": "Hi.", "speaker": None, "words": [hi], "channel": 1,
    }  # fmt: skip
    segments, turns = speakers.by_channel([first, second], ["Ann"])
    assert segments == [
        {**first, "speaker": "CHANNEL_2"},
        {**second, "speaker": "Ann", "words": [{**hi, "speaker": "Ann"}]},
    ]
    assert turns == [
        {"start": 0.0, "end": 1.0, "speaker": "CHANNEL_2"},
        {"start": 1.5, "end": 2.0, "speaker": "Ann"},
    ]


def test_the_first_and_last_words_of_a_sentence_go_with_it() -> None:
    heard = [
        said(word("Keener", 0.0, 0.5), word("eyes.", 0.5, 0.9), word("Let", 0.9, 1.4)),
        said(word("us", 2.1, 2.4), word("go", 2.4, 2.8), word("on,", 2.8, 3.2)),
        said(word("my", 3.2, 3.4), word("friend.", 4.1, 4.6), word("Yes.", 4.6, 4.9)),
    ]
    turns = [turn(0.0, 1.5, "A"), turn(2.0, 4.0, "B"), turn(4.0, 5.0, "A")]
    assert [
        (segment["text"], segment["speaker"]) for segment in speakers.with_speakers(heard, turns)
    ] == [
        ("Keener eyes.", "A"),
        ("Let", "B"),
        ("us go on,", "B"),
        ("my friend.", "B"),
        ("Yes.", "A"),
    ]


TALK = ("I", "will", "not.", "No", "you", "do", "what", "I", "say.")


def test_a_change_amid_a_sentence_stays_where_it_is() -> None:
    words = [word(text, n, n + 1) for n, text in enumerate(TALK)]
    turns = [turn(0.0, 6.0, "A"), turn(6.0, 9.0, "B")]
    assert [
        (segment["text"], segment["speaker"])
        for segment in speakers.with_speakers([said(*words)], turns)
    ] == [("I will not. No you do", "A"), ("what I say.", "B")]
