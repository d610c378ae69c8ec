"""Find another file that is joined to the end of one: `cat a.wav b.wav > both.wav`.

Players stop at the end of the first, without a word. Standard library only.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 20
LONGEST = 64  # bytes of a beginning
BEGINNINGS = (
    rb"RIFF.{4}WAVE",
    rb"RF64.{4}WAVE",
    rb"FORM.{4}AIF[FC]",
    rb"\0\0\0[\x08-\x80]ftyp",  # MP4
    rb"OggS\0\x02",
    rb"FLV\x01",
    rb"TTA1",
    rb"caff\0\x01",
    rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0",  # Wave64
    rb"Creative Voice File",
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",  # ASF
)


def next_file(path: str, begin: int, behind: int) -> int | None:
    """The place from `behind` on where a file like the one at `begin` begins; None without."""
    with Path(path).open("rb") as stream:
        stream.seek(begin)
        head = stream.read(LONGEST)
        kind = next((each for each in BEGINNINGS if re.match(each, head, re.DOTALL)), None)
        if kind is None:
            return None
        place = max(behind, begin + 1)
        stream.seek(place)
        block = stream.read(BLOCK)
        while block:
            if match := re.search(kind, block, re.DOTALL):
                return place + match.start()
            tail = block[-LONGEST:]
            more = stream.read(BLOCK)
            place += len(block) - len(tail)
            block = tail + more if more else b""
    return None


class Tail(io.RawIOBase):
    """A file from a place in it on, for PyAV to open."""

    def __init__(self, path: str, begin: int) -> None:
        self._stream: BinaryIO = Path(path).open("rb")  # noqa: SIM115 (closed by close)
        self._begin = begin
        self._stream.seek(begin)

    def close(self) -> None:
        self._stream.close()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_SET:
            offset += self._begin
        return self._stream.seek(offset, whence) - self._begin

    def tell(self) -> int:
        return self._stream.tell() - self._begin
