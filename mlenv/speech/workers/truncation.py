"""Headers that tell whether a whole file is there, which FFmpeg does not pass on.

FFmpeg takes the length of a WAV file from the bytes that are there, knows no length of an Ogg
file, and of an MP4 file without its index it says "invalid data". Each function here reads a few
headers. Imports the standard library only.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Sizes that a writer leaves in the header of a WAV file where it can't go back to it: 0, all ones
# (FFmpeg), or the largest that it dares to name (SoX 0x7ffff000, arecord 0x80000000).
LEFT_OPEN = (range(1), range(0x7FFFF000, 0x80001000), range(0xFFFFF000, 1 << 32))
SYNC = tuple(bytes((0xFF, second)) for second in range(0xE0, 0x100))  # of a frame of MPEG audio
LEAST = 1024  # bytes behind a file's own contents that may be more than a writer's carelessness
MOST = 10_000  # chunks or boxes; recordings have a dozen
OGG_PAGE = 27 + 255 + 255 * 255  # bytes of the largest page (RFC 3533)


def wav_seconds(path: str) -> float | None:
    """Seconds that the header of a RIFF WAV file promises; None if it is none, or a stream."""
    with Path(path).open("rb") as stream:
        form, _, kind = struct.unpack("<4sI4s", stream.read(12).ljust(12))
        if (form, kind) != (b"RIFF", b"WAVE"):
            return None
        bytes_a_second: int = 0
        for name, size in _chunks(stream):
            if name == b"fmt ":
                bytes_a_second = struct.unpack("<8xI", stream.read(12).ljust(12, b"\0"))[0]
            elif name == b"data":
                is_known = not any(size in sizes for sizes in LEFT_OPEN)
                return size / bytes_a_second if is_known and bytes_a_second else None
    return None


def riff_share(path: str) -> float | None:
    """The share of a RIFF file that is there, by the size of its sound or of the whole.

    None where it has no such size: it is another kind of file, or was written as a stream.
    """
    there = Path(path).stat().st_size
    with Path(path).open("rb") as stream:
        form, whole, kind = struct.unpack("<4sI4s", stream.read(12).ljust(12))
        begin, size = 8, whole
        if kind == b"WAVE":
            sizes = (size for name, size in _chunks(stream) if name == b"data")
            size = next(sizes, 0)
            begin = stream.tell()
    if form != b"RIFF" or any(size in sizes for sizes in LEFT_OPEN):
        return None
    return min(1.0, (there - begin) / size) or None


def smaf_share(path: str) -> float | None:
    """The share of a SMAF file (mmf) that is there, by the size in its head; None without one."""
    with Path(path).open("rb") as stream:
        form, size = struct.unpack(">4sI", stream.read(8).ljust(8))
        there = stream.seek(0, 2) - 8
    return min(1.0, there / size) if form == b"MMMD" and size and there > 0 else None


def wav_goes_on(path: str) -> float | None:
    """Seconds that a RIFF WAV file promises, where sound goes on behind them to the file's end.

    A recorder that was switched off never wrote the true size. Chunks there, another file that was
    joined, or zeros are no sound of its own.
    """
    seconds = wav_seconds(path)
    if seconds is None:
        return None
    with Path(path).open("rb") as stream:
        stream.seek(12)
        for name, size in _chunks(stream):
            if name == b"data":
                stream.seek(size + size % 2, 1)
                return seconds if _is_sound(stream) else None
    return None


def _is_sound(stream: BinaryIO) -> bool:
    head = stream.read(1 << 16)
    odd = head[1:] if head[:1] == b"\0" else head  # a chunk behind one that was not padded
    chunks = any(re.match(rb"[ -~]{4}", each) for each in (head, odd))
    return len(head) > LEAST and not chunks and any(head)


def is_open_rf64(path: str) -> bool:
    """Recognise an RF64 file whose writer never filled in the sizes."""
    with Path(path).open("rb") as stream:
        head = stream.read(36)
    return head[:4] in (b"RF64", b"BW64") and head[12:16] == b"ds64" and not any(head[28:36])


def mp4_lacks_index(path: str) -> bool:
    """Recognise an MP4 file (m4a, mov) that ends before its index, the `moov` box."""
    with Path(path).open("rb") as stream:
        if stream.read(8)[4:] != b"ftyp":
            return False
        stream.seek(0)
        return b"moov" not in _boxes(stream)


def ogg_breaks_off(path: str) -> bool:
    """Recognise an Ogg file whose last page is not whole."""
    with Path(path).open("rb") as stream:
        if stream.read(4) != b"OggS":
            return False
        stream.seek(0, 2)
        stream.seek(-min(stream.tell(), OGG_PAGE), 2)
        page = stream.read()
    page = page[page.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    return len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


def mp3_seconds(path: str) -> float | None:
    """Seconds by the header that encoders put into the first frame (Xing, Info); None without."""
    with Path(path).open("rb") as stream:
        head = stream.read(10)
        tag = head[:3] == b"ID3" and len(head) == 10
        stream.seek(10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) if tag else 0)
        data = stream.read(4096)
    at = max(data.find(b"Xing"), data.find(b"Info"))
    begin = next(
        (at - offset for offset in (36, 21, 13) if data[at - offset : at].startswith(SYNC)), -1
    )
    if min(at, begin) < 0 or len(data) < at + 12 or not data[at + 7] & 1:
        return None
    is_mpeg_1 = data[begin + 1] & 0x18 == 0x18
    rates = (44100, 48000, 32000, 0)
    rate = rates[data[begin + 2] >> 2 & 3] // (
        1 if is_mpeg_1 else 2 if data[begin + 1] & 0x10 else 4
    )
    count: int = struct.unpack(">I", data[at + 8 : at + 12])[0]
    return count * (1152 if is_mpeg_1 else 576) / rate if rate else None


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Name and size of each RIFF chunk; the stream is at its contents when it is yielded."""
    for _ in range(MOST):
        if len(head := stream.read(8)) < 8:
            return
        name, size = struct.unpack("<4sI", head)
        end = stream.tell() + size + size % 2
        yield name, size
        stream.seek(end)


def _boxes(stream: BinaryIO) -> Iterator[bytes]:
    """Names of the boxes at the top level of an MP4 file."""
    begin = 0
    for _ in range(MOST):
        if len(head := stream.read(16)) < 8:
            return
        size, name = struct.unpack(">I4s", head[:8])
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        yield name
        if size < 8:  # 0: it goes on to the end of the file
            return
        begin += size
        if begin >> 62:  # no file is as long
            return
        stream.seek(begin)
