"""How long a file says it is: what its headers promise, and which other streams tell of its end."""

from __future__ import annotations

import math
import re
from typing import Any

from . import truncation

# Containers that know the length of each stream. Others know only that of the whole file, whose
# picture may be longer than its sound.
KNOW_STREAMS = frozenset({"mov", "avi", "wav", "flac"})
# Containers without any length: what FFmpeg tells is guessed from the bit rate, or is the last
# time that it sees in the file.
KNOW_NOTHING = frozenset(
    {"aac", "ac3", "eac3", "dts", "mpeg", "mpegts", "amr", "loas", "gsm", "mpegvideo", "adp"}
)
# Containers whose times only count the sound.
HAVE_NO_CLOCK = frozenset({"ogg", "flac", "mp3", "aac", "ac3", "eac3", "dts", "wv", "tta"})
# Containers whose header has the file's last time, where others have the time between both ends.
HAVE_LAST_TIME = frozenset({"matroska", "asf"})
ATTACHED_PICTURE = 1 << 10  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC


def form(container: Any) -> str:
    """FFmpeg's short name of the container, such as mov, matroska, wav."""
    name: str = container.format.name
    return name.partition(",")[0]


def others(container: Any, stream: Any) -> tuple[Any, ...]:
    """The other streams of moving pictures or sound, where only they tell of the file's end."""
    if form(container) in KNOW_STREAMS | KNOW_NOTHING or _tagged(stream):
        return ()
    return tuple(
        each
        for each in container.streams
        if each.type in ("audio", "video") and each.index != stream.index and not _is_cover(each)
    )


def promised(path: str | None, container: Any, stream: Any) -> float | None:
    """Seconds that the file says it lasts; infinite where only its end is known to be missing.

    `path`: None where the container is not at the beginning of its file.
    """
    kind = form(container)
    if path is None:
        knows = kind in KNOW_STREAMS and kind != "wav" and stream.duration
        return float(stream.duration * stream.time_base) if knows else None
    if kind == "wav" and (seconds := truncation.wav_seconds(path)):
        return seconds
    if kind == "ogg":
        return math.inf if truncation.ogg_breaks_off(path) else None
    if kind == "mp3":
        return truncation.mp3_seconds(path)
    if kind in KNOW_NOTHING:
        return None
    if kind in HAVE_LAST_TIME:
        last = _tagged(stream) or (container.duration or 0) / 1e6
        return last - origin(container) if last else None
    if stream.duration and (kind in KNOW_STREAMS or not others(container, stream)):
        late = (stream.start_time or 0) * stream.time_base
        return float(late + stream.duration * stream.time_base) - origin(container)
    return container.duration / 1e6 if container.duration else None


def origin(container: Any) -> float:
    """The file's first time in seconds."""
    return (container.start_time or 0) / 1e6


def _is_cover(stream: Any) -> bool:
    return bool(int(stream.disposition.value) & ATTACHED_PICTURE)


def _tagged(stream: Any) -> float | None:
    """Seconds by Matroska's statistics of a stream."""
    for name, value in stream.metadata.items():
        clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", value)
        if clock and name.upper().startswith("DURATION"):
            hours, minutes, seconds = clock.groups()
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return None
