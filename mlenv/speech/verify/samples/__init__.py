"""The speech that ships with mlenv: a conversation, its exact words and turns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CONVERSATION = Path(__file__).with_name("conversation.flac")
SMALL = CONVERSATION.with_suffix(".mp3")  # the same, to be embedded in a page


def truth() -> dict[str, Any]:
    """The words and turns of `CONVERSATION`, in seconds.

    {"duration", "language", "turns": [{"speaker", "start", "end", "speech": [[start, end], ..],
    "text"}, ..]}
    """
    document: dict[str, Any] = json.loads(CONVERSATION.with_suffix(".json").read_text("utf-8"))
    return document


def waveform() -> list[int]:
    """The loudness of `CONVERSATION` in equal parts, in percent of the loudest."""
    peaks: list[int] = json.loads(CONVERSATION.with_suffix(".waveform.json").read_text("utf-8"))
    return peaks
