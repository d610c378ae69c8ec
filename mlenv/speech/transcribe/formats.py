"""Transcripts as text, in the formats of the table `FORMATS`. Pure functions, no files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

from mlenv.speech.transcribe.transcript import Segment, Transcript, Word

LONG_PAUSE = 3.0  # seconds after which a new caption begins, whatever room there is


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of captions, which needs word times, and of json."""

    width: int | None = None
    lines: int | None = None
    words: int | None = None
    highlight: bool = False
    pretty: bool = True

    @property
    def by_words(self) -> bool:
        return bool(self.width or self.lines or self.words or self.highlight)


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption; `lines` hold words, `marked` is the one to highlight."""

    start: float
    end: float
    lines: tuple[tuple[str, ...], ...]
    speaker: str | None
    marked: tuple[int, int] | None = None


def txt(transcript: Transcript, _layout: Layout) -> str:
    """A line a segment, with its speaker where one is known."""
    return "".join(text_line(segment) + "\n" for segment in transcript["segments"])


def text_line(segment: Segment) -> str:
    """One line of `txt`."""
    return f"{segment['speaker']}: {segment['text']}" if segment["speaker"] else segment["text"]


def srt(transcript: Transcript, layout: Layout) -> str:
    """SubRip."""
    blocks = []
    for number, cue in enumerate(_cues(transcript["segments"], layout), 1):
        text = _cue_text(cue, str)
        spoken = f"{cue.speaker}: {text}" if cue.speaker else text
        times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
        blocks.append(f"{number}\n{times}\n{spoken}\n\n")
    return "".join(blocks)


def vtt(transcript: Transcript, layout: Layout) -> str:
    """WebVTT (W3C), speakers as voice spans."""
    blocks = ["WEBVTT\n\n"]
    for cue in _cues(transcript["segments"], layout):
        text = _cue_text(cue, _escaped)
        spoken = f"<v {_escaped(cue.speaker)}>{text}" if cue.speaker else text
        blocks.append(f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{spoken}\n\n")
    return "".join(blocks)


def tsv(transcript: Transcript, _layout: Layout) -> str:
    """Milliseconds, tab, text, as Whisper writes it; a last column where speakers are known."""
    has_speakers = bool(transcript["speakers"])
    rows = ["start\tend\ttext" + ("\tspeaker" if has_speakers else "")]
    for segment in transcript["segments"]:
        text = segment["text"].replace("\t", " ")
        row = f"{segment['start'] * 1000:.0f}\t{segment['end'] * 1000:.0f}\t{text}"
        rows.append(row + (f"\t{segment['speaker'] or ''}" if has_speakers else ""))
    return "\n".join(rows) + "\n"


def json_document(transcript: Transcript, layout: Layout) -> str:
    """Everything."""
    return json.dumps(transcript, indent=2 if layout.pretty else None, ensure_ascii=False) + "\n"


def aud(transcript: Transcript, _layout: Layout) -> str:
    """Labels for Audacity's File, Import: seconds, tab, text, speakers as whisperX marks them."""
    rows = []
    for segment in transcript["segments"]:
        speaker = f"[[{segment['speaker']}]]" if segment["speaker"] else ""
        text = segment["text"].replace("\t", " ")
        rows.append(f"{segment['start']:.3f}\t{segment['end']:.3f}\t{speaker}{text}\n")
    return "".join(rows)


def rttm(transcript: Transcript, _layout: Layout) -> str:
    """NIST Rich Transcription Time Marked: who speaks when, overlapping speech included."""
    uri = _one_field(PurePath(transcript["path"]).stem)
    return "".join(
        f"SPEAKER {uri} 1 {turn['start']:.3f} {turn['end'] - turn['start']:.3f} <NA> <NA> "
        f"{_one_field(turn['speaker'])} <NA> <NA>\n"
        for turn in transcript["turns"]
    )


FORMATS: dict[str, Callable[[Transcript, Layout], str]] = {
    "txt": txt,
    "srt": srt,
    "vtt": vtt,
    "tsv": tsv,
    "json": json_document,
    "aud": aud,
    "rttm": rttm,
}
OF_WHISPER = ("txt", "srt", "vtt", "tsv", "json")  # what its `--output_format all` writes


def _cues(segments: Iterable[Segment], layout: Layout) -> Iterator[Cue]:
    if not layout.by_words:
        for segment in segments:
            if segment["text"]:
                lines = ((segment["text"],),)
                yield Cue(segment["start"], segment["end"], lines, segment["speaker"])
        return
    for speaker, words in _runs(segments, layout):
        for cue_words in _captions(words, layout):
            yield from _word_cues(cue_words, speaker, layout)


def _runs(segments: Iterable[Segment], layout: Layout) -> Iterator[tuple[str | None, list[Word]]]:
    """Words that may share a caption: of one speaker, and of one segment unless lines are cut."""
    run: list[Word] = []
    speaker: str | None = None
    joins = layout.width is not None and layout.lines is not None
    for segment in segments:
        if run and (not joins or segment["speaker"] != speaker):
            yield speaker, run
            run = []
        speaker = segment["speaker"]
        run = [*run, *segment["words"]]
    if run:
        yield speaker, run


def _captions(words: list[Word], layout: Layout) -> Iterator[list[list[Word]]]:
    """Cut a run into captions, each a list of lines."""
    lines: list[list[Word]] = [[]]
    for word in words:
        line = lines[-1]
        length = len("".join(w["word"] for w in [*line, word]).strip())
        letters = sum(map(len, lines))
        paused = bool(line) and word["start"] - line[-1]["end"] > LONG_PAUSE
        if letters and (paused or (layout.words is not None and letters >= layout.words)):
            yield lines
            lines = [[]]
        elif line and layout.width is not None and length > layout.width:
            if layout.lines is not None and len(lines) >= layout.lines:
                yield lines
                lines = [[]]
            else:
                lines.append([])
        lines[-1].append(word)
    if lines[0]:
        yield lines


def _word_cues(lines: list[list[Word]], speaker: str | None, layout: Layout) -> Iterator[Cue]:
    texts = tuple(tuple(word["word"] for word in line) for line in lines)
    flat = [(word, row, place) for row, line in enumerate(lines) for place, word in enumerate(line)]
    start, end = flat[0][0]["start"], flat[-1][0]["end"]
    if not layout.highlight:
        yield Cue(start, end, texts, speaker)
        return
    last = start
    for word, row, column in flat:
        if word["start"] > last:
            yield Cue(last, word["start"], texts, speaker)
        yield Cue(word["start"], word["end"], texts, speaker, (row, column))
        last = word["end"]


def _cue_text(cue: Cue, escape: Callable[[str], str]) -> str:
    """Words bring their own spaces: not every language puts them."""
    return "\n".join(
        "".join(
            _marked(word, escape) if cue.marked == (row, place) else escape(word)
            for place, word in enumerate(line)
        ).strip()
        for row, line in enumerate(cue.lines)
    )


def _marked(word: str, escape: Callable[[str], str]) -> str:
    bare = word.lstrip()
    return f"{word[: len(word) - len(bare)]}<u>{escape(bare)}</u>"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    whole, parts = divmod(rest, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{point}{parts:03}"


def _one_field(text: str) -> str:
    return re.sub(r"\s", "_", text) or "_"
