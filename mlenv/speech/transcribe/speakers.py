"""Assign speakers to words.

A word belongs to whoever speaks for most of it, but Whisper often dates the first or last word of
a sentence on the other side of a pause: a speaker who changes within two words of a sentence's end
changes there. A segment in which the speaker changes is split.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe.transcript import Segment, Turn, Word

EACH_FILE = (
    "speakers are named in each file by who speaks first there: "
    "SPEAKER_00 of one file need not be that of another"
)
ENDS = tuple(".?!\u2026\u3002\uff1f\uff01\u0964\u061f")  # of sentences
CLOSING = " \"'\u201d\u2019\u00bb)]\u300d\u300f"  # what may follow them
STRAY = 2  # words at the edge of a sentence that may be dated beyond a pause


def speaker_at(start: float, end: float, turns: Sequence[Turn]) -> str | None:
    """The speaker with the most speech between two times, else the nearest; None without turns."""
    if not turns:
        return None
    share: dict[str, float] = {}
    for turn in turns:
        common = min(end, turn["end"]) - max(start, turn["start"])
        if common > 0:
            share[turn["speaker"]] = share.get(turn["speaker"], 0.0) + common
    if share:
        return max(share, key=lambda speaker: share[speaker])
    return min(turns, key=lambda turn: _distance(start, end, turn))["speaker"]


def with_speakers(segments: Sequence[Segment], turns: Sequence[Turn]) -> list[Segment]:
    """Add speakers to segments, splitting them where the speaker changes.

    `turns` must not overlap (the diarization's exclusive ones), or ties are for the first.
    """
    spoken = iter(
        _with_sentences(
            [word for segment in segments for word in segment["words"]],
            [
                speaker_at(word["start"], word["end"], turns)
                for segment in segments
                for word in segment["words"]
            ],
        )
    )
    result: list[Segment] = []
    for segment in segments:
        if not segment["words"]:
            speaker = speaker_at(segment["start"], segment["end"], turns)
            result.append({**segment, "speaker": speaker})
            continue
        words: list[Word] = [{**word, "speaker": next(spoken)} for word in segment["words"]]
        for speaker, group in groupby(words, key=lambda word: word["speaker"]):
            result.append(_part(segment, speaker, list(group)))
    return result


def _with_sentences(words: Sequence[Word], speakers: Sequence[str | None]) -> list[str | None]:
    """The speakers of words, with changes moved to the nearest end of a sentence."""
    moved = list(speakers)
    ends = [n + 1 for n, word in enumerate(words) if _ends_sentence(word)]
    for first, last in pairwise(dict.fromkeys((0, *ends, len(words)))):
        runs = [list(run) for _, run in groupby(range(first, last), key=lambda n: speakers[n])]
        most = min(STRAY, (last - first - 1) // 2)
        if len(runs) > 1 and first and len(runs[0]) <= most:
            moved[first : runs[1][0]] = [speakers[runs[1][0]]] * len(runs[0])
        if len(runs) > 1 and last in ends and len(runs[-1]) <= most:
            moved[runs[-1][0] : last] = [speakers[runs[-2][0]]] * len(runs[-1])
    return moved


def _ends_sentence(word: Word) -> bool:
    return word["word"].rstrip(CLOSING).endswith(ENDS)


def by_channel(
    segments: Sequence[Segment], names: Sequence[str]
) -> tuple[list[Segment], list[Turn]]:
    """Segments with the speaker of their channel, named in its order, and the speakers' turns."""
    labelled: list[Segment] = []
    for segment in segments:
        number = segment["channel"] or 1
        name = names[number - 1] if number <= len(names) else f"CHANNEL_{number}"
        words: list[Word] = [{**word, "speaker": name} for word in segment["words"]]
        labelled.append({**segment, "speaker": name, "words": words})
    turns: list[Turn] = [
        {"start": segment["start"], "end": segment["end"], "speaker": segment["speaker"] or ""}
        for segment in labelled
        if segment["start"] < segment["end"]
    ]
    return labelled, turns


def names_of(turns: Sequence[Turn], names: Sequence[str]) -> dict[str, str]:
    """A name for each speaker label.

    In the order in which they first speak: `names`, then SPEAKER_00 and so on.
    """
    labels = dict.fromkeys(turn["speaker"] for turn in sorted(turns, key=lambda t: t["start"]))
    return {
        label: names[place] if place < len(names) else f"SPEAKER_{place:02}"
        for place, label in enumerate(labels)
    }


def unmet(count: int, options: argparse.Namespace) -> str | None:
    """The clause about a file with so many speakers, where other options ask for another number."""
    exact, names = options.num_speakers, len(options.speaker_names)
    least, most = exact or options.min_speakers or 0, exact or options.max_speakers or count
    if least <= count <= most and count >= names:
        return None
    asked = f"--num-speakers {exact}" if exact else f"--min-speakers {least}"
    asked = asked if count < least or exact else f"--max-speakers {most}"
    asked = f"{asked} was" if not least <= count <= most else f"{names} names were"
    heard = "1 speaker" if count == 1 else f"{count} speakers"
    return f"has {heard} that can be told apart by voice, and {asked} asked for"


def renamed(turns: Sequence[Turn], names: Mapping[str, str]) -> list[Turn]:
    """Turns with other labels."""
    return [{**turn, "speaker": names.get(turn["speaker"], turn["speaker"])} for turn in turns]


def _part(segment: Segment, speaker: str | None, words: list[Word]) -> Segment:
    """The words of one speaker in a segment."""
    return {
        **segment,
        "start": words[0]["start"],
        "end": words[-1]["end"],
        "text": "".join(word["word"] for word in words).strip(),
        "speaker": speaker,
        "words": words,
    }


def _distance(start: float, end: float, turn: Turn) -> float:
    return max(turn["start"] - end, start - turn["end"], 0.0)


def check_number_of_files(count: int) -> None:
    """Raise `MlenvError` where names by order of speaking are for more than one recording."""
    if count > 1:
        raise MlenvError(
            "usage",
            f"--speaker-names is for one recording, and {count} are named: the order in which "
            "speakers first speak is another in each.",
            "Run it once for each recording, or leave the names out: SPEAKER_00 and so on.",
            exit_code=WRONG_USAGE,
        )
