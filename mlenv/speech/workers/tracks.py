"""Choose one of a file's audio tracks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DEFAULT = 1 << 0  # FFmpeg's AV_DISPOSITION_DEFAULT


class NoTrack(Exception):
    """The requested track is not there."""


def choose(tracks: Sequence[Any], requested: Sequence[str]) -> tuple[Any, str]:
    """The track to hear, and a line about the others; empty where there is nothing to say.

    `requested`: a number from 1, or codes of one language; nothing for the default track, which
    is the first where none is marked. Raises `NoTrack`.
    """
    numbered = list(enumerate(tracks, 1))
    if requested and requested[0].isdecimal():
        fitting = [(number, track) for number, track in numbered if str(number) == requested[0]]
    elif requested:
        fitting = [(number, track) for number, track in numbered if _language(track) in requested]
    else:
        fitting = [
            pair for pair in numbered if int(pair[1].disposition.value) & DEFAULT
        ] or numbered
    listed = ", ".join(f"{number}: {_described(track)}" for number, track in numbered)
    there = f"{len(tracks)} audio track{'s' if len(tracks) > 1 else ''} ({listed})"
    if not fitting:
        raise NoTrack(f"has no audio track {requested[0]}, but {there}")
    number, track = fitting[0]
    if len(tracks) == 1 or (requested and len(fitting) == 1):
        return track, ""
    return track, f"has {there}: track {number} is heard, --track takes another"


def _language(track: Any) -> str:
    return str(track.metadata.get("language", "")).lower().partition("-")[0]


def _described(track: Any) -> str:
    title = str(track.metadata.get("title", "")).encode(errors="ignore").decode()
    return " ".join(filter(None, (_language(track) or "unknown language", title)))
