"""The length that a file's headers promise, and the other streams that tell of its end."""

from __future__ import annotations

import math
import re
from typing import Any

from . import truncation

# Containers that know the length of each stream, and those that know only that of the whole file,
# whose picture may be longer than its sound. What FFmpeg tells of any other is guessed from the bit
# rate, or is the last time that it sees in the file.
KNOW_STREAMS = frozenset({"mov", "wav", "flac", "mxf", "gxf"})
KNOW_LENGTH = KNOW_STREAMS | {
    *("matroska", "asf", "flv", "rm", "aiff", "au", "caf", "w64", "voc", "tta", "wv")
}
# Containers whose times only count the sound, and those without any: FFmpeg makes them up.
HAVE_NO_CLOCK = frozenset({"ogg", "flac", "mp3", "aac", "ac3", "eac3", "dts", "wv", "tta"})
HAVE_NO_TIMES = frozenset({"avi", "wav", "w64", "aiff", "au", "caf", "voc"})
# Containers whose header has the file's last time, where others have the time between both ends.
HAVE_LAST_TIME = frozenset({"matroska", "asf"})
# Codecs that hold as many bytes a second throughout, and whose decoder or parser ends at damage.
STEADY = frozenset({"adpcm_adx", "sbc"})
# Containers at whose first damage FFmpeg ends: nothing but sound follows the last packet.
END_WITH_SOUND = frozenset({"swf"})
ATTACHED_PICTURE = 1 << 10  # FFmpeg's AV_DISPOSITION_ATTACHED_PIC


def form(container: Any) -> str:
    """FFmpeg's short name of the container, such as mov, matroska, wav."""
    name: str = container.format.name
    return name.partition(",")[0]


def has_no_times(container: Any, stream: Any) -> bool:
    """The times of its frames are made up; FFmpeg gives those of FLAC in ASF to later frames."""
    kind = form(container)
    return kind in HAVE_NO_TIMES or (kind == "asf" and stream.codec_context.name == "flac")


def others(container: Any, stream: Any) -> tuple[Any, ...]:
    """The other streams of moving pictures or sound, where only they tell of the file's end."""
    if form(container) not in KNOW_LENGTH - KNOW_STREAMS or _tagged(stream):
        return ()
    return tuple(
        each
        for each in (*container.streams.audio, *container.streams.video)
        if each.index != stream.index and not _is_cover(each)
    )


def promised(path: str | None, container: Any, stream: Any, held: float) -> float | None:
    """Seconds that the file says it lasts; infinite where only its end is known to be missing.

    `path`: None where the container is not at the beginning of its file. `held`: seconds decoded.
    """
    kind = form(container)
    if path is None:
        knows = kind in KNOW_STREAMS and kind != "wav" and stream.duration
        return float(stream.duration * stream.time_base) if knows else None
    if kind in ("wav", "avi", "mmf") and (seconds := _of_sizes(path, stream, held)):
        return seconds
    if kind == "ogg":
        return math.inf if truncation.ogg_breaks_off(path) else None
    if kind == "mp3":
        return truncation.mp3_seconds(path)
    if kind not in KNOW_LENGTH:
        return None
    if kind in HAVE_LAST_TIME:
        last = _tagged(stream) or (container.duration or 0) / 1e6
        return last - origin(container) if last else None
    if stream.duration and (kind in KNOW_STREAMS or not others(container, stream)):
        late = (stream.start_time or 0) * stream.time_base
        return float(late + stream.duration * stream.time_base) - origin(container)
    return container.duration / 1e6 if container.duration else None


def _of_sizes(path: str, stream: Any, held: float) -> float | None:
    """Seconds by the bytes of a RIFF or SMAF file, whose header has none that are right."""
    if stream.codec_context.name.startswith("pcm_") and (seconds := truncation.wav_seconds(path)):
        return seconds
    share = truncation.riff_share(path) or truncation.smaf_share(path)
    return held / share if share else None


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
