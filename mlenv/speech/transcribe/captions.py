"""Cut transcripts into captions: in order, within the file, none empty, no text lost."""

from __future__ import annotations

import argparse
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mlenv.speech.transcribe.transcript import BLANKLESS, Segment, Transcript, one_line

LONG_PAUSE = 3.0  # seconds after which a new caption begins, whatever room there is
# What `--captions` asks for: what can be read while it is shown.
WIDTH, LINES, LONGEST, SHORTEST = 42, 2, 7.0, 1.0
CLAUSE_ENDS = ",.:;!?…،؛؟۔।።។、。，．：；！？"  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of captions, which needs word times, and of json.

    `width` is in terminal cells. `readable`: `--captions`.
    """

    width: int | None = None
    lines: int | None = None
    words: int | None = None
    highlight: bool = False
    pretty: bool = True
    readable: bool = False

    @property
    def by_words(self) -> bool:
        return bool(self.width or self.lines or self.words or self.highlight)


class Cue(NamedTuple):
    """One caption, in milliseconds. `marked`: a row and the offsets of the part to highlight.

    The first line is empty where the speaker's name fills it.
    """

    start: int
    end: int
    lines: tuple[str, ...]
    speaker: str | None
    marked: tuple[int, int, int] | None = None


class Timed(NamedTuple):
    """A word, with the blank before it if there is one, and when it is spoken."""

    text: str
    start: float
    end: float


Span = tuple[int, int]  # a part of a run's text, by offsets


def layout_of(options: argparse.Namespace) -> Layout:
    """The layout that a command line asks for."""
    readable = options.captions
    return Layout(
        options.max_line_width or (WIDTH if readable else None),
        options.max_line_count or (LINES if readable else None),
        options.max_words_per_line,
        options.highlight_words,
        options.pretty_json,
        readable,
    )


def cues(transcript: Transcript, layout: Layout) -> list[Cue]:
    """The captions of a transcript, one a segment unless the layout cuts them."""
    segments = sorted(transcript["segments"], key=lambda segment: segment["start"])
    made = (
        _by_word(segments, transcript["language"], layout) if layout.by_words else _whole(segments)
    )
    return _in_order(made, transcript["duration"], layout)


def cue_of(segment: Segment, duration: float) -> Cue | None:
    """The caption of one segment of a file that lasts `duration` seconds; None without words."""
    return next(iter(_in_order(_whole([segment]), duration, Layout())), None)


def milliseconds(seconds: float) -> int:
    """Whole milliseconds; no number is 0, and nothing lasts longer than a lifetime."""
    return round(min(max(0.0, seconds), 1e9) * 1000)


def _in_order(made: Iterable[Cue], duration: float, layout: Layout) -> list[Cue]:
    """Captions by their start, each with a length, within the file."""
    total = int(duration * 1000 + 1e-6) if 0.001 <= duration < math.inf else None
    last = None if total is None else total - 1
    ordered = sorted(made, key=lambda cue: (cue.start, cue.end))
    starts = [cue.start if last is None else min(cue.start, last) for cue in ordered]
    result = []
    for place, (cue, start) in enumerate(zip(ordered, starts, strict=True)):
        end = max(cue.end, start + 1)
        if layout.readable:
            following = starts[place + 1] if place + 1 < len(starts) else math.inf
            shown = int(min(start + SHORTEST * 1000, following))
            end = min(max(end, shown), start + int(LONGEST * 1000))
        result.append(cue._replace(start=start, end=end if total is None else min(end, total)))
    return result


def _whole(segments: Iterable[Segment]) -> Iterator[Cue]:
    for segment in segments:
        if text := one_line(segment["text"]):
            start, end = milliseconds(segment["start"]), milliseconds(segment["end"])
            yield Cue(start, end, (text,), _name(segment))


def _name(segment: Segment) -> str | None:
    return one_line(segment["speaker"] or "") or None


def _by_word(segments: Iterable[Segment], language: str | None, layout: Layout) -> Iterator[Cue]:
    from mlenv.speech.transcribe import lines  # late: see there

    for speaker, words in _runs(segments, language, layout):
        run = Run(words)
        head = f"{speaker}: " if speaker else ""
        width = layout.width
        if width and layout.lines == 1:  # the name has to leave room for a piece of text
            width -= min(lines.cells(head), width // 2)
        parts = list(lines.pieces(run.text, language, width, strict=layout.readable))
        for rows in Cutter(run, parts, head, layout).captions():
            yield from _cues_of(run, rows, speaker, layout)


def _runs(
    segments: Iterable[Segment], language: str | None, layout: Layout
) -> Iterator[tuple[str | None, list[Timed]]]:
    """Words that may share a caption: of one speaker, and of one segment unless lines are cut."""
    run: list[Timed] = []
    speaker: str | None = None
    joins = layout.width is not None and layout.lines is not None and not layout.readable
    for segment in segments:
        if run and (not joins or _name(segment) != speaker):
            yield speaker, run
            run = []
        speaker = _name(segment)
        run.extend(_words(segment, language))
    if run:
        yield speaker, run


def _words(segment: Segment, language: str | None) -> Iterator[Timed]:
    """The words of a segment; all of its text as one where the words are lacking or not all."""
    text, words = one_line(segment["text"]), segment["words"]
    whole = Timed(text, segment["start"], segment["end"])
    timed = [Timed(word["word"], word["start"], word["end"]) for word in words]
    if _letters("".join(word.text for word in timed)) != _letters(text):
        timed = [whole]
    blank = language not in BLANKLESS
    for word in timed:
        core = one_line(word.text)
        blank = blank or word.text[:1].isspace()
        if core:
            yield Timed(f" {core}" if blank else core, word.start, word.end)
            blank = False
        blank = blank or word.text[-1:].isspace()


def _letters(text: str) -> str:
    return "".join(one_line(text).split())


class Run:
    """Words as one text, which tells when each part of it is spoken."""

    def __init__(self, words: Sequence[Timed]) -> None:
        self.words = words
        self.text = "".join(word.text for word in words)
        self.begins = [0]
        for word in words[:-1]:
            self.begins.append(self.begins[-1] + len(word.text))

    def start(self, offset: int) -> float:
        """The time at which the text from there on begins, in seconds."""
        place = bisect_right(self.begins, offset) - 1
        return self._time(place, offset - self.begins[place])

    def end(self, offset: int) -> float:
        """The time at which the text up to there has ended, in seconds."""
        place = bisect_left(self.begins, offset) - 1
        return self._time(place, offset - self.begins[place])

    def count(self, begin: int, end: int) -> int:
        """The number of words that begin between two offsets."""
        return bisect_left(self.begins, end) - bisect_left(self.begins, begin)

    def visible(self, part: Span) -> Span:
        """A part without the blanks around it."""
        text = self.text[part[0] : part[1]]
        begin = part[0] + len(text) - len(text.lstrip())
        return begin, begin + len(text.strip())

    def _time(self, place: int, offset: int) -> float:
        """The time of one of a word's letters, if all take the same, in seconds."""
        word = self.words[place]
        blanks = len(word.text) - len(word.text.lstrip())
        share = max(0, offset - blanks) / (len(word.text) - blanks)
        return word.start + share * (word.end - word.start)


class Cutter:
    """Puts the pieces of a run into lines, and lines into captions."""

    def __init__(self, run: Run, parts: Sequence[Span], head: str, layout: Layout) -> None:
        from mlenv.speech.transcribe import lines

        self._run, self._parts, self._head, self._layout = run, parts, head, layout
        self._cells = lines.cells

    def captions(self) -> Iterator[list[Span]]:
        """The lines of each caption."""
        first, count = 0, len(self._parts)
        while first < count:
            rows, last = self._fill(first, count)
            if self._layout.readable and last < count:
                rows, last = self._fill(first, self._clause(first, last))
            yield rows
            first = last

    def _clause(self, first: int, last: int) -> int:
        """The end of the last clause in the second half of these pieces.

        Without one, the middle of them and of what is left, so that no word stands alone.
        """
        for place in range(last, (first + last) // 2, -1):
            if self._run.text[self._parts[place - 1][1] - 1] in CLAUSE_ENDS:
                return place
        return min(last, (first + len(self._parts) + 1) // 2)

    def _fill(self, first: int, stop: int) -> tuple[list[Span], int]:
        """The lines of one caption, and the piece that begins the next one."""
        rows = [self._parts[first]]
        if self._head and self._layout.lines != 1 and not self._fits(rows[0], self._head):
            rows.insert(0, (rows[0][0], rows[0][0]))  # the name, alone
        for place in range(first + 1, stop):
            part = self._parts[place]
            if self._is_over(rows, part):
                return rows, place
            longer = (rows[-1][0], part[1])
            if self._fits(longer, self._head if len(rows) == 1 else ""):
                rows[-1] = longer
            elif self._layout.lines is None or len(rows) < self._layout.lines:
                rows.append(part)
            else:
                return rows, place
        return rows, stop

    def _is_over(self, rows: Sequence[Span], part: Span) -> bool:
        """Tell if a caption ends before this piece, whatever room there is."""
        run, layout = self._run, self._layout
        if run.start(part[0]) - run.end(rows[-1][1]) > LONG_PAUSE:
            return True
        if layout.words is not None and run.count(rows[0][0], part[0]) >= layout.words:
            return True
        return layout.readable and run.end(part[1]) - run.start(rows[0][0]) > LONGEST

    def _fits(self, part: Span, head: str) -> bool:
        width = self._layout.width
        begin, end = self._run.visible(part)
        return width is None or self._cells(head + self._run.text[begin:end]) <= width


def _cues_of(run: Run, rows: Sequence[Span], speaker: str | None, layout: Layout) -> Iterator[Cue]:
    parts = [run.visible(row) for row in rows]
    texts = tuple(run.text[begin:end] for begin, end in parts)
    start, end = milliseconds(run.start(rows[0][0])), milliseconds(run.end(rows[-1][1]))
    if not layout.highlight:
        yield Cue(start, end, texts, speaker)
        return
    last = start
    for row, (begin, stop) in enumerate(parts):
        for left, right in _words_in(run, begin, stop):
            spoken, over = milliseconds(run.start(left)), milliseconds(run.end(right))
            if spoken > last:
                yield Cue(last, spoken, texts, speaker)
            yield Cue(spoken, over, texts, speaker, (row, left - begin, right - begin))
            last = over


def _words_in(run: Run, begin: int, end: int) -> Iterator[Span]:
    """The words, or parts of them, in a part of the text."""
    for place in range(bisect_right(run.begins, begin) - 1, bisect_left(run.begins, end)):
        stop = run.begins[place] + len(run.words[place].text)
        left, right = run.visible((max(begin, run.begins[place]), min(end, stop)))
        if left < right:
            yield left, right
