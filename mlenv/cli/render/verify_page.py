"""The page of `mlenv verify --html`."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from mlenv.cli.render import pages
from mlenv.environment import receipts
from mlenv.environment.receipts import Receipt
from mlenv.speech.transcribe import speakers
from mlenv.speech.transcribe.transcript import Segment, Turn, Word
from mlenv.speech.verify import measure, samples
from mlenv.speech.verify.alignment import Kind, Spoken
from mlenv.speech.verify.documents import Verified

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COLOURS = 6  # of speakers; then they begin again
DEVICES = {"cpu": "the CPU", "cuda": "the GPU"}
CHART, TOP = 120, 24  # width and height of the small charts


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker: a letter to be told by, the name, and the number of a colour."""

    letter: str
    name: str
    colour: int


@dataclass(frozen=True, slots=True)
class Block:
    """A turn on the time line; `left` and `width` in percent of the recording."""

    voice: Voice
    start: float
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive words of one speaker; `start` is None where none of them has a time."""

    voice: Voice
    start: float | None
    words: tuple[Spoken, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """The transcript of one model on one device."""

    title: str
    row: measure.Row
    passages: tuple[Passage, ...]
    count: Mapping[Kind, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Load, inference and errors of a model on a device, in one run of `verify`."""

    when: str
    load: float | None
    inference: float | None
    error_rate: float | None


@dataclass(frozen=True, slots=True)
class Timed:
    """A row, the runs before it and what they come to; `points` are those of its small chart."""

    row: measure.Row
    before: tuple[Run, ...]
    verdict: str
    points: tuple[tuple[float, float], ...]


def page(verified: Verified, receipt: Receipt, earlier: Sequence[Receipt]) -> str:
    """The page; `receipt` is that of this run, `earlier` are those before it, the oldest first."""
    verified, receipt = pages.without_names(verified), pages.without_names(receipt)
    truth = samples.truth()
    names = dict.fromkeys(turn["speaker"] for turn in truth["turns"])
    voices = {name: _voice(place, name) for place, name in enumerate(names)}
    found = {row.device: row.turns for row in verified.rows if row.turns}
    failed = [row for row in verified.rows if not row.ok]
    return pages.page(
        "verify.html",
        command="mlenv verify",
        when=pages.moment(receipt.when),
        state="fail" if failed or not verified.rows else "ok",
        headline=_headline(verified),
        verified=verified,
        receipt=receipt,
        devices=DEVICES,
        voices=list(voices.values()),
        waveform=_outline(samples.waveform()),
        audio=base64.b64encode(samples.SMALL.read_bytes()).decode("ascii"),
        duration=truth["duration"],
        known=_blocks(measure.reference(), voices, truth["duration"]),
        found=[
            (device, _blocks(turns, _matched(turns, voices), truth["duration"]))
            for device, turns in found.items()
        ],
        texts=[_text(row, found, voices) for row in verified.rows if row.words],
        timed=[_timed(row, earlier, receipt.when) for row in verified.rows],
        chart=(CHART, TOP),
        libraries=sorted({each.path for each in receipt.libraries}),
    )


def _voice(place: int, name: str) -> Voice:
    return Voice(LETTERS[place % len(LETTERS)], name, place % COLOURS)


def _headline(verified: Verified) -> str:
    rows = verified.rows
    failed = [row for row in rows if not row.ok]
    if failed or not rows:
        return f"{len(failed)} of {len(rows)} failed" if rows else "Nothing was tried"
    where = " and ".join(DEVICES[each] for each in dict.fromkeys(row.device for row in rows))
    speakers_tried = any(row.model == measure.DIARIZATION for row in rows)
    return f"Passed on {where}" if speakers_tried else f"Words passed on {where}"


def _matched(turns: Sequence[Turn], voices: Mapping[str, Voice]) -> dict[str, Voice]:
    """A known voice for each speaker found: the one with whom it shares the most time."""
    shared: dict[tuple[str, str], float] = {}
    for turn in turns:
        for known in measure.reference():
            common = min(turn["end"], known["end"]) - max(turn["start"], known["start"])
            if common > 0:
                pair = (turn["speaker"], known["speaker"])
                shared[pair] = shared.get(pair, 0.0) + common
    result: dict[str, Voice] = {}
    for ours, theirs in sorted(shared, key=lambda pair: -shared[pair]):
        if ours not in result and voices[theirs] not in result.values():
            result[ours] = voices[theirs]
    for name in dict.fromkeys(turn["speaker"] for turn in turns):
        if name not in result:  # one more than there are
            others = sum(voice not in voices.values() for voice in result.values())
            result[name] = _voice(len(voices) + others, name)
    return result


def _blocks(
    turns: Sequence[Turn], voices: Mapping[str, Voice], duration: float
) -> tuple[Block, ...]:
    return tuple(
        Block(
            voices[turn["speaker"]],
            turn["start"],
            round(100 * turn["start"] / duration, 3),
            round(100 * (turn["end"] - turn["start"]) / duration, 3),
        )
        for turn in turns
    )


def _text(
    row: measure.Row, found: Mapping[str, Sequence[Turn]], voices: Mapping[str, Voice]
) -> Text:
    """The words by speaker: as this device's diarization has them, or as they are known."""
    turns = found.get(row.device) or next(iter(found.values()), ())
    names = _matched(turns, voices) if turns else dict(voices)
    spoken = iter(_speakers(row.words, turns or measure.reference()))
    last = names[(turns or measure.reference())[0]["speaker"]]
    pairs: list[tuple[Voice, Spoken]] = []
    for word in row.words:
        if word.start is not None:
            last = names[next(spoken)]
        pairs.append((last, word))
    passages = []
    for voice, group in groupby(pairs, key=lambda pair: pair[0]):
        words = tuple(word for _, word in group)
        start = next((word.start for word in words if word.start is not None), None)
        passages.append(Passage(voice, start, words))
    kinds: tuple[Kind, ...] = ("right", "substituted", "missing", "added")
    count = {kind: sum(word.kind == kind for word in row.words) for kind in kinds}
    return Text(f"{row.model} on {DEVICES[row.device]}", row, tuple(passages), count)


def _speakers(words: Sequence[Spoken], turns: Sequence[Turn]) -> Iterator[str]:
    """The speaker of each word that has a time."""
    timed: list[Word] = [
        {
            "word": word.found,
            "start": word.start,
            "end": word.end if word.end is not None else word.start,
            "probability": None,
            "speaker": None,
        }
        for word in words
        if word.start is not None
    ]
    whole: Segment = {
        "start": timed[0]["start"] if timed else 0.0,
        "end": timed[-1]["end"] if timed else 0.0,
        "text": "",
        "speaker": None,
        "words": timed,
        "channel": None,
    }
    for segment in speakers.with_speakers([whole], turns):
        yield from (word["speaker"] or "" for word in segment["words"])


def _timed(row: measure.Row, earlier: Sequence[Receipt], when: str) -> Timed:
    """The row beside the same model on the same device in earlier receipts."""
    before = tuple(
        Run(receipt.when, each.load, each.inference, each.error_rate)
        for receipt in earlier
        for each in receipt.rows
        if (each.model, each.device) == (row.model, row.device)
    )
    now = Run(when, row.load, row.inference, row.error_rate)
    return Timed(row, before, _compared(before, now), _points((*before, now)))


def _compared(before: Sequence[Run], now: Run) -> str:
    """Compare the time of inference with the last run; small differences count as noise."""
    was = before[-1].inference if before else None
    if not was or not now.inference:
        return "no earlier run" if not before else "not to be compared"
    if now.inference > was * receipts.SLOWER:
        return f"{now.inference / was:.1f} times as long"
    if was > now.inference * receipts.SLOWER:
        return f"{was / now.inference:.1f} times as fast"
    return "as before"


def _points(runs: Sequence[Run]) -> tuple[tuple[float, float], ...]:
    """Inference of each run as points of a chart, from nought up."""
    values = [run.inference for run in runs if run.inference]
    if len(values) < 2:
        return ()
    step = (CHART - 8) / (len(values) - 1)
    high = max(values)
    return tuple(
        (round(4 + place * step, 1), round(TOP - 3 - (TOP - 7) * value / high, 1))
        for place, value in enumerate(values)
    )


def _outline(peaks: Sequence[int]) -> str:
    """The waveform as the path of an SVG of height 100, alike above and below the middle."""
    above = [f"{place} {50 - peak / 2:g}" for place, peak in enumerate(peaks)]
    below = [f"{place} {50 + peak / 2:g}" for place, peak in enumerate(peaks)]
    return f"M{'L'.join([*above, *reversed(below)])}z"
