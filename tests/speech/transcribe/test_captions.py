"""Captions and the other formats are valid whatever comes, read back by other people's readers."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from typing import Any

import pytest
import srt as subrip
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from mlenv.speech.transcribe import lines
from mlenv.speech.transcribe.captions import Layout
from mlenv.speech.transcribe.formats import FORMATS
from mlenv.speech.transcribe.transcript import Segment, Transcript, Word

READABLE = Layout(42, 2, readable=True)
NASTY = [
    "-->", "\n\n", "\r", "\t", "\0", "\ud800", "\u2028", "\x85", "\xa0", "<v x>", "</u>", "&amp;",
    "1\n00:00:01,000 --> 00:00:02,000\nx", "WEBVTT", "NOTE", "{\\an8}", "--->", "...", "?!", ")",
    "word", "Donaudampfschifffahrt", "日本語。", "今日は", "ครับ", "👩‍👩‍👧", "e\u0301", "« non »",
    "",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(NASTY), max_size=12).map(" ".join) | st.text(max_size=80)
TIMES = st.floats() | st.floats(0, 60) | st.sampled_from([0.0, 29.98, 30.0, 30.02])


@st.composite
def segments(draw: st.DrawFn, names: st.SearchStrategy[str | None]) -> Segment:
    """A segment whose words may be lacking, or others than those of its text."""
    text, times = draw(TEXTS), st.tuples(TIMES, TIMES)
    spoken = draw(st.sampled_from([text, "", "other words"]))
    words: list[Word] = [
        {"word": word, "start": start, "end": end, "probability": draw(TIMES), "speaker": None}
        for word in re.findall(r"\s*\S+", spoken)
        for start, end in [draw(times)]
    ]
    start, end = draw(times)
    speaker = draw(names)
    return {
        "start": start, "end": end, "text": text, "speaker": speaker, "words": words,
        "channel": None,
    }  # fmt: skip


def transcripts(names: st.SearchStrategy[str | None]) -> st.SearchStrategy[Transcript]:
    turns: Any = st.fixed_dictionaries({"start": TIMES, "end": TIMES, "speaker": TEXTS})
    return st.builds(
        transcript,
        st.lists(segments(names), max_size=6),
        st.lists(turns, max_size=3),
        st.sampled_from(["en", "ja", "th", None]),
        st.sampled_from([30.0, 0.05]),
    )


def transcript(
    spoken: list[Segment], turns: list[Any], language: str | None, duration: float
) -> Transcript:
    return {
        "path": "a b.wav", "text": "", "language": language, "language_probability": math.nan,
        "duration": duration, "segments": spoken, "speakers": ["A"], "turns": turns,
        "timings": {}, "warnings": [],
    }  # fmt: skip


SIZES = st.none() | st.integers(1, 50)
LAYOUTS = st.sampled_from([Layout(), READABLE]) | st.builds(
    Layout, SIZES, SIZES, SIZES, st.booleans(), st.just(True), st.booleans()
)
ANYBODY = transcripts(st.none() | TEXTS)
NOBODY = transcripts(st.none())
SRT = re.compile(
    r"(\d+)\n(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})\n((?:.+\n)+)\n"
)
VTT = re.compile(
    r"()(\d\d):(\d\d):(\d\d)\.(\d{3}) --> (\d\d):(\d\d):(\d\d)\.(\d{3})\n((?:.+\n)+)\n"
)
Block = tuple[float, float, str]


def blocks(text: str, pattern: re.Pattern[str]) -> list[Block]:
    """Start, end and text of each caption; fails where there is anything else."""
    found, offset = [], 0
    while offset < len(text):
        match = pattern.match(text, offset)
        assert match, text[offset:]
        number, *times, content = match.groups()
        assert number in ("", str(len(found) + 1))
        start, end = (
            h * 3600 + m * 60 + s + ms / 1000
            for h, m, s, ms in (map(int, times[:4]), map(int, times[4:]))
        )
        found.append((start, end, content[:-1]))
        offset = match.end()
    return found


def letters(text: str) -> str:
    """What a reader sees, without blanks; unwritable signs as they are written."""
    text = re.sub(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]", "\ufffd", text)
    return "".join(text.split())


def all_letters(spoken: Transcript) -> list[str]:
    return sorted("".join(letters(segment["text"]) for segment in spoken["segments"]))


@given(ANYBODY, LAYOUTS)
def test_captions_have_a_length_and_an_order_within_the_file(
    spoken: Transcript, layout: Layout
) -> None:
    subtitles = blocks(FORMATS["srt"](spoken, layout), SRT)
    captions = blocks(FORMATS["vtt"](spoken, layout).removeprefix("WEBVTT\n\n"), VTT)
    assert [each[:2] for each in subtitles] == [each[:2] for each in captions]
    assert all(0 <= start < end <= spoken["duration"] for start, end, _ in subtitles)
    assert all(before[0] <= after[0] for before, after in pairwise(subtitles))


@given(ANYBODY, LAYOUTS)
def test_other_readers_see_the_same_captions(spoken: Transcript, layout: Layout) -> None:
    text = FORMATS["srt"](spoken, layout)
    own = blocks(text, SRT)
    theirs = list(subrip.parse(text))
    assert [each.content for each in theirs] == [content for _, _, content in own]
    starts = [round(start, 3) for start, _, _ in own]
    assert [each.start.total_seconds() for each in theirs] == starts
    captions = webvtt.from_string(FORMATS["vtt"](spoken, layout)).captions
    assert len(captions) == len(own)


@given(NOBODY, LAYOUTS)
def test_no_text_is_lost(spoken: Transcript, layout: Layout) -> None:
    if layout.highlight:
        layout = Layout(layout.width, layout.lines, layout.words, readable=layout.readable)
    captions = blocks(FORMATS["vtt"](spoken, layout).removeprefix("WEBVTT\n\n"), VTT)
    written = "".join(content for _, _, content in captions)
    for sign, name in (("<", "&lt;"), (">", "&gt;"), ("&", "&amp;")):
        written = written.replace(name, sign)
    assert sorted(letters(written)) == all_letters(spoken)


@given(transcripts(st.none() | st.sampled_from(["Ann", "Professor Müller-Lee"])))
def test_readable_captions_can_be_read(spoken: Transcript) -> None:
    for start, end, content in blocks(FORMATS["srt"](spoken, READABLE), SRT):
        rows = content.split("\n")
        assert len(rows) <= 2
        assert all(lines.cells(row) <= 42 for row in rows), rows
        assert round(end - start, 3) <= 7.0


@given(ANYBODY)
def test_tables_have_their_columns(spoken: Transcript) -> None:
    for kind, columns in (("tsv", 4), ("aud", 3)):
        rows = FORMATS[kind](spoken, Layout()).split("\n")
        assert {row.count("\t") + 1 for row in rows[:-1]} <= {columns}
    for row in FORMATS["rttm"](spoken, Layout()).splitlines():
        fields = row.split()
        assert len(fields) == len(row.split(" ")) == 10
        start, length = float(fields[3]), float(fields[4])
        assert 0 <= start < start + length <= spoken["duration"] + 1e-9


@given(ANYBODY)
def test_json_is_json(spoken: Transcript) -> None:
    document = json.loads(FORMATS["json"](spoken, Layout()), parse_constant=pytest.fail)
    assert list(document) == list(spoken)


def heard(*timed: tuple[str, float, float], speaker: str | None = None) -> Segment:
    words: list[Word] = [
        {"word": word, "start": start, "end": end, "probability": 1.0, "speaker": None}
        for word, start, end in timed
    ]
    text = "".join(word["word"] for word in words).strip()
    return {
        "start": timed[0][1], "end": timed[-1][2], "text": text,
        "speaker": speaker, "words": words, "channel": None,
    }  # fmt: skip


def written(kind: str, layout: Layout, *spoken: Segment, language: str = "en") -> str:
    return FORMATS[kind](transcript(list(spoken), [], language, 500_000.0), layout)


def test_what_stands_between_times_is_shorter_in_srt_and_escaped_in_vtt() -> None:
    spoken = heard((" 00:01 --> 00:02", 0.0, 1.0))
    assert written("srt", Layout(), spoken) == (
        "1\n00:00:00,000 --> 00:00:01,000\n00:01 -> 00:02\n\n"
    )
    assert written("vtt", Layout(), spoken) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n00:01 --&gt; 00:02\n\n"
    )


def test_more_than_99_hours() -> None:
    late = heard((" Late.", 360_000.0, 360_001.5))
    times = "100:00:00{0}000 --> 100:00:01{0}500"
    assert written("srt", Layout(), late) == f"1\n{times.format(',')}\nLate.\n\n"
    assert written("vtt", Layout(), late) == f"WEBVTT\n\n{times.format('.')}\nLate.\n\n"


def test_a_segment_without_words_is_cut_at_its_share_of_the_time() -> None:
    silent: Segment = {**heard((" x", 10.0, 20.0)), "text": "one two six ten", "words": []}
    assert written("srt", Layout(width=7, lines=1), silent) == (
        "1\n00:00:10,000 --> 00:00:14,667\none two\n\n2\n00:00:14,667 --> 00:00:20,000\nsix ten\n\n"
    )


def test_the_name_counts_and_markup_in_it_is_text() -> None:
    spoken = heard((" one", 0.0, 0.5), (" two", 0.5, 1.0), (" six", 1.0, 1.5), speaker="<A>\n&")
    layout = Layout(width=11, lines=2)
    assert written("srt", layout, spoken) == (
        "1\n00:00:00,000 --> 00:00:01,500\n<A> &: one\ntwo six\n\n"
    )
    assert written("vtt", layout, spoken) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n<v &lt;A&gt; &amp;>one\ntwo six\n\n"
    )
    assert written("srt", Layout(width=7, lines=2), spoken) == (
        "1\n00:00:00,000 --> 00:00:01,000\n<A> &:\none two\n\n"
        "2\n00:00:01,000 --> 00:00:01,500\n<A> &:\nsix\n\n"
    )


def test_readable_captions_end_with_a_clause_and_stay_a_second() -> None:
    words = re.findall(
        " [^ ]+",
        " The quick brown fox jumps over the lazy dog, and when it has slept long enough it gets "
        "up again.",
    )
    spoken = heard(*((word, 0.3 * n, 0.3 * n + 0.2) for n, word in enumerate(words)))
    clauseless = heard(*((f" longer{n:02}", 10 + 0.3 * n, 10.2 + 0.3 * n) for n in range(10)))
    short = heard((" No.", 20.0, 20.1))
    assert written("srt", READABLE, spoken, clauseless, short) == (
        "1\n00:00:00,000 --> 00:00:02,600\nThe quick brown fox jumps over the lazy\ndog,\n\n"
        "2\n00:00:02,700 --> 00:00:05,900\nand when it has slept long enough it gets\nup again.\n\n"
        "3\n00:00:10,000 --> 00:00:11,400\nlonger00 longer01 longer02 longer03\nlonger04\n\n"
        "4\n00:00:11,500 --> 00:00:12,900\nlonger05 longer06 longer07 longer08\nlonger09\n\n"
        "5\n00:00:20,000 --> 00:00:21,000\nNo.\n\n"
    )


def test_readable_captions_last_seven_seconds_and_cut_what_no_line_holds() -> None:
    slow = heard(*((f" {word}", 3.0 * n, 3.0 * n + 0.5) for n, word in enumerate("abcd")))
    shout = heard((f" {'ha' * 50}", 20.0, 30.0))
    assert written("srt", READABLE, slow, shout) == (
        "1\n00:00:00,000 --> 00:00:03,500\na b\n\n"
        "2\n00:00:06,000 --> 00:00:09,500\nc d\n\n"
        f"3\n00:00:20,000 --> 00:00:24,200\n{'ha' * 21}\n\n"
        f"4\n00:00:24,200 --> 00:00:30,000\n{'ha' * 21}\n{'ha' * 8}\n\n"
    )


def test_thai_and_japanese_lines_end_with_phrases() -> None:
    """Whisper's words are letters there."""

    def letter_by_letter(text: str) -> Segment:
        return heard(*((sign, 0.1 * n, 0.1 * n + 0.1) for n, sign in enumerate(text)))

    thai = letter_by_letter("วันนี้อากาศดีมากเราจะไปเดินเล่น")
    assert written("srt", Layout(width=14, lines=2), thai, language="th") == (
        "1\n00:00:00,000 --> 00:00:03,100\nวันนี้อากาศดีมาก\nเราจะไปเดินเล่น\n\n"
    )
    japanese = letter_by_letter("天気なので、「さくら」を見ましょう。")
    assert written("srt", Layout(width=12, lines=3), japanese, language="ja") == (
        "1\n00:00:00,000 --> 00:00:01,800\n天気なので、\n「さくら」を\n見ましょう。\n\n"
    )
