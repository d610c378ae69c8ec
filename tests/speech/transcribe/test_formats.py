"""Transcripts as files: whole documents, read back with other people's parsers."""

from __future__ import annotations

import io
import json

import pytest
import srt as subrip
import webvtt

from mlenv.speech.transcribe import formats
from mlenv.speech.transcribe.formats import FORMATS, Layout
from mlenv.speech.transcribe.transcript import Segment, Transcript, Word

PLAIN = Layout()


def words(text: str, start: float, step: float = 0.5) -> list[Word]:
    return [
        {
            "word": f" {word}",
            "start": round(start + step * place, 3),
            "end": round(start + step * place + 0.4, 3),
            "probability": 0.9,
            "speaker": None,
        }
        for place, word in enumerate(text.split())
    ]


def segment(text: str, start: float, speaker: str | None = None) -> Segment:
    said = words(text, start)
    return {
        "start": said[0]["start"],
        "end": said[-1]["end"],
        "text": text,
        "speaker": speaker,
        "words": said,
        "channel": None,
    }


@pytest.fixture
def spoken() -> Transcript:
    """Two speakers, markup in the words, an hour into the file, overlapping turns."""
    return {
        "path": "my talk.m4a",
        "text": "Is 1 < 2 & 3 > 2? Yes. Naïve café 日本語",
        "language": "en",
        "language_probability": 0.98,
        "duration": 3700.0,
        "segments": [
            segment("Is 1 < 2 & 3 > 2?", 0.0, "Ann"),
            segment("Yes. Naïve café 日本語", 3599.75, "Bob B"),
        ],
        "speakers": ["Ann", "Bob B"],
        "turns": [
            {"start": 0.0, "end": 3.4, "speaker": "Ann"},
            {"start": 3.0, "end": 3601.65, "speaker": "Bob B"},
        ],
        "timings": {"decode": 0.1},
        "warnings": [],
    }


def test_txt(spoken: Transcript) -> None:
    expected = "Ann: Is 1 < 2 & 3 > 2?\nBob B: Yes. Naïve café 日本語\n"
    assert FORMATS["txt"](spoken, PLAIN) == expected


def test_srt_document(spoken: Transcript) -> None:
    assert FORMATS["srt"](spoken, PLAIN) == (
        "1\n00:00:00,000 --> 00:00:03,900\nAnn: Is 1 < 2 & 3 > 2?\n\n"
        "2\n00:59:59,750 --> 01:00:01,650\nBob B: Yes. Naïve café 日本語\n\n"
    )


def test_srt_read_back(spoken: Transcript) -> None:
    cues = list(subrip.parse(FORMATS["srt"](spoken, PLAIN)))
    assert [cue.content for cue in cues] == [
        "Ann: Is 1 < 2 & 3 > 2?",
        "Bob B: Yes. Naïve café 日本語",
    ]
    assert cues[1].start.total_seconds() == 3599.75


def test_vtt_document(spoken: Transcript) -> None:
    assert FORMATS["vtt"](spoken, PLAIN) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:03.900\n<v Ann>Is 1 &lt; 2 &amp; 3 &gt; 2?\n\n"
        "00:59:59.750 --> 01:00:01.650\n<v Bob B>Yes. Naïve café 日本語\n\n"
    )


def test_vtt_read_back(spoken: Transcript) -> None:
    captions = webvtt.from_string(FORMATS["vtt"](spoken, PLAIN)).captions
    assert [caption.voice for caption in captions] == ["Ann", "Bob B"]
    assert captions[1].start == "00:59:59.750"


def test_tsv(spoken: Transcript) -> None:
    assert FORMATS["tsv"](spoken, PLAIN) == (
        "start\tend\ttext\tspeaker\n"
        "0\t3900\tIs 1 < 2 & 3 > 2?\tAnn\n"
        "3599750\t3601650\tYes. Naïve café 日本語\tBob B\n"
    )


def test_tsv_without_speakers_is_whispers(spoken: Transcript) -> None:
    for said in spoken["segments"]:
        said["speaker"] = None
    spoken["speakers"] = []
    assert FORMATS["tsv"](spoken, PLAIN).splitlines()[0] == "start\tend\ttext"


def test_json_is_the_whole_transcript(spoken: Transcript) -> None:
    assert json.load(io.StringIO(FORMATS["json"](spoken, PLAIN))) == spoken


def test_json_on_one_line(spoken: Transcript) -> None:
    text = FORMATS["json"](spoken, Layout(pretty=False))
    assert text.count("\n") == 1
    assert json.loads(text) == spoken


def test_labels_for_audacity(spoken: Transcript) -> None:
    spoken["segments"][1]["speaker"] = None
    assert FORMATS["aud"](spoken, PLAIN) == (
        "0.000\t3.900\t[[Ann]]Is 1 < 2 & 3 > 2?\n3599.750\t3601.650\tYes. Naïve café 日本語\n"
    )


def test_rttm_keeps_overlap_and_has_ten_fields(spoken: Transcript) -> None:
    assert FORMATS["rttm"](spoken, PLAIN) == (
        "SPEAKER my_talk 1 0.000 3.400 <NA> <NA> Ann <NA> <NA>\n"
        "SPEAKER my_talk 1 3.000 3598.650 <NA> <NA> Bob_B <NA> <NA>\n"
    )


def test_lines_are_cut_at_words(spoken: Transcript) -> None:
    spoken["segments"] = [segment("one two three four five six seven", 0.0)]
    layout = Layout(width=9, lines=2)
    cues = list(subrip.parse(FORMATS["srt"](spoken, layout)))
    assert [cue.content for cue in cues] == ["one two\nthree", "four five\nsix seven"]
    assert [(c.start.total_seconds(), c.end.total_seconds()) for c in cues] == [
        (0.0, 1.4),
        (1.5, 3.4),
    ]


def test_a_word_longer_than_a_line_stays_whole(spoken: Transcript) -> None:
    spoken["segments"] = [segment("a Donaudampfschifffahrt b", 0.0)]
    for lines in (1, 2):
        text = FORMATS["srt"](spoken, Layout(width=5, lines=lines))
        assert [cue.split("\n")[2:] for cue in text.split("\n\n")[:-1]] == (
            [["a"], ["Donaudampfschifffahrt"], ["b"]]
            if lines == 1
            else [["a", "Donaudampfschifffahrt"], ["b"]]
        )


def test_words_a_caption(spoken: Transcript) -> None:
    spoken["segments"] = [segment("one two three four five", 0.0)]
    cues = list(subrip.parse(FORMATS["srt"](spoken, Layout(words=2))))
    assert [cue.content for cue in cues] == ["one two", "three four", "five"]


def test_highlight_marks_each_word_in_turn(spoken: Transcript) -> None:
    spoken["segments"] = [segment("one <two>", 1.0)]
    assert FORMATS["vtt"](spoken, Layout(highlight=True)) == (
        "WEBVTT\n\n"
        "00:00:01.000 --> 00:00:01.400\n<u>one</u> &lt;two&gt;\n\n"
        "00:00:01.400 --> 00:00:01.500\none &lt;two&gt;\n\n"
        "00:00:01.500 --> 00:00:01.900\none <u>&lt;two&gt;</u>\n\n"
    )


def test_captions_never_mix_speakers_when_lines_are_joined(spoken: Transcript) -> None:
    spoken["segments"] = [segment("one", 0.0, "A"), segment("two", 0.5, "B")]
    cues = list(subrip.parse(FORMATS["srt"](spoken, Layout(width=80, lines=2))))
    assert [cue.content for cue in cues] == ["A: one", "B: two"]


def test_a_language_without_spaces_gets_none(spoken: Transcript) -> None:
    spoken["segments"], spoken["language"] = [segment("日本語", 0.0)], "ja"
    spoken["segments"][0]["words"] = [
        {
            "word": sign,
            "start": place * 1.0,
            "end": place + 0.5,
            "probability": 1.0,
            "speaker": None,
        }
        for place, sign in enumerate("日本語")
    ]
    cues = list(subrip.parse(FORMATS["srt"](spoken, Layout(width=4, lines=2))))
    assert [cue.content for cue in cues] == ["日本\n語"]


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_nothing_said_is_a_valid_document(kind: str, spoken: Transcript) -> None:
    spoken["segments"], spoken["turns"], spoken["speakers"] = [], [], []
    document = formats.FORMATS[kind](spoken, PLAIN)
    expected = {"txt": "", "srt": "", "vtt": "WEBVTT\n\n", "tsv": "start\tend\ttext\n"}
    expected |= {"rttm": "", "aud": ""}
    assert document == expected.get(kind, document)
