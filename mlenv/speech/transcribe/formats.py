"""Transcripts as text, in the formats of the table `FORMATS`. Pure functions, no files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import PurePath

from mlenv.speech.transcribe.captions import Cue, cues
from mlenv.speech.transcribe.captions import Layout as Layout
from mlenv.speech.transcribe.transcript import (
    Segment,
    Transcript,
    finite,
    one_line,
    turns_within,
)


def txt(transcript: Transcript, _layout: Layout) -> str:
    """A line a segment, with its speaker where one is known."""
    return "".join(f"{_spoken(cue, str)}\n" for cue in cues(transcript, Layout()))


def text_line(segment: Segment) -> str:
    """One line of `txt`."""
    text = one_line(segment["text"])
    return f"{one_line(segment['speaker'])}: {text}" if segment["speaker"] else text


def srt(transcript: Transcript, layout: Layout) -> str:
    """SubRip; on standard output each caption as soon as it is heard, where that can be."""
    return _each("srt", transcript, layout)


def _srt(number: int, cue: Cue) -> str:
    times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
    return f"{number}\n{times}\n{_spoken(cue, _without_arrow)}\n\n"


def vtt(transcript: Transcript, layout: Layout) -> str:
    """WebVTT (W3C), speakers as voice spans; on standard output like srt."""
    return _each("vtt", transcript, layout)


def _vtt(_number: int, cue: Cue) -> str:
    text = "\n".join(filter(None, _rows(cue, _escaped)))
    spoken = f"<v {_escaped(cue.speaker)}>{text}" if cue.speaker else text
    return f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{spoken}\n\n"


def tsv(transcript: Transcript, _layout: Layout) -> str:
    """Milliseconds, tab, text, as Whisper writes it; a last column where speakers are known."""
    has_speakers = bool(transcript["speakers"])
    rows = ["start\tend\ttext" + ("\tspeaker" if has_speakers else "")]
    for cue in cues(transcript, Layout()):
        row = f"{cue.start}\t{cue.end}\t{cue.lines[0]}"
        rows.append(row + (f"\t{cue.speaker or ''}" if has_speakers else ""))
    return "\n".join(rows) + "\n"


def json_document(transcript: Transcript, layout: Layout) -> str:
    """Everything."""
    indent = 2 if layout.pretty else None
    text = json.dumps(_finite(transcript), indent=indent, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def aud(transcript: Transcript, _layout: Layout) -> str:
    """Labels for Audacity's File, Import: seconds, tab, text, speakers as whisperX marks them."""
    rows = []
    for cue in cues(transcript, Layout()):
        speaker = f"[[{cue.speaker}]]" if cue.speaker else ""
        rows.append(f"{cue.start / 1000:.3f}\t{cue.end / 1000:.3f}\t{speaker}{cue.lines[0]}\n")
    return "".join(rows)


def rttm(transcript: Transcript, _layout: Layout) -> str:
    """NIST Rich Transcription Time Marked: who speaks when, overlapping speech included."""
    uri = _one_field(PurePath(transcript["path"]).stem)
    return "".join(
        f"SPEAKER {uri} 1 {turn['start']:.3f} {turn['end'] - turn['start']:.3f} <NA> <NA> "
        f"{_one_field(turn['speaker'])} <NA> <NA>\n"
        for turn in turns_within(transcript["turns"], transcript["duration"])
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
# What a file begins with, and the text of each caption, where one needs no other: see `live`.
LIVE: dict[str, tuple[str, Callable[[int, Cue], str]]] = {
    "srt": ("", _srt),
    "vtt": ("WEBVTT\n\n", _vtt),
}
OF_WHISPER = ("txt", "srt", "vtt", "tsv", "json")  # what its `--output_format all` writes


def _each(form: str, transcript: Transcript, layout: Layout) -> str:
    head, written = LIVE[form]
    numbered = enumerate(cues(transcript, layout), 1)
    return head + "".join(written(number, cue) for number, cue in numbered)


def _spoken(cue: Cue, escape: Callable[[str], str]) -> str:
    """The lines of a caption behind the speaker's name."""
    text = "\n".join(_rows(cue, escape))
    name = f"{escape(cue.speaker)}:" if cue.speaker else ""
    return f"{name} {text}" if name and cue.lines[0] else name + text


def _rows(cue: Cue, escape: Callable[[str], str]) -> list[str]:
    rows = [escape(line) for line in cue.lines]
    if cue.marked:
        row, begin, end = cue.marked
        line = cue.lines[row]
        before, word, after = map(escape, (line[:begin], line[begin:end], line[end:]))
        rows[row] = f"{before}<u>{word}</u>{after}"
    return rows


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _without_arrow(text: str) -> str:
    """A text without what stands between times, as Whisper writes it."""
    return re.sub("-{2,}>", "->", text)


def _clock(milliseconds: int, point: str) -> str:
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    whole, parts = divmod(rest, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{point}{parts:03}"


def _one_field(text: str) -> str:
    return re.sub(r"\s", "_", one_line(text)) or "_"


def _finite(value: object) -> object:
    """A document without numbers that JSON does not know."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return finite(value) if isinstance(value, float) else value
