"""Assign speakers to words.

A word belongs to whoever speaks for most of it. A segment in which the speaker changes is split
there.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import groupby

from mlenv.speech.transcribe.transcript import Segment, Turn, Word

EACH_FILE = (
    "speakers are named in each file by who speaks first there: "
    "SPEAKER_00 of one file need not be that of another"
)


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
    result: list[Segment] = []
    for segment in segments:
        if not segment["words"]:
            speaker = speaker_at(segment["start"], segment["end"], turns)
            result.append({**segment, "speaker": speaker})
            continue
        words: list[Word] = [
            {**word, "speaker": speaker_at(word["start"], word["end"], turns)}
            for word in segment["words"]
        ]
        for speaker, group in groupby(words, key=lambda word: word["speaker"]):
            result.append(_part(segment, speaker, list(group)))
    return result


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


def names_of(turns: Sequence[Turn], given: Sequence[str]) -> dict[str, str]:
    """A name for each speaker label.

    In the order in which they first speak: the `given` names, then SPEAKER_00 and so on.
    """
    labels = dict.fromkeys(turn["speaker"] for turn in sorted(turns, key=lambda t: t["start"]))
    return {
        label: given[place] if place < len(given) else f"SPEAKER_{place:02}"
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
