"""Hold the decoded samples of one file, of any length, in little memory.

An hour stays in memory. What is longer goes to a disk, into a file without a name: it ends with
this process, whatever ends it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import numpy as np

IN_MEMORY = 3600 * 16_000 * 2  # bytes: an hour of 16-bit samples at 16 kHz
BLOCK = 1 << 20  # bytes


class Samples:
    """(samples,) int16, appended as bytes and read in parts."""

    def __init__(self) -> None:
        self._tail = bytearray()  # what is not in the file
        self._file: int | None = None
        self._written = 0  # bytes in the file
        self._places = _places()

    def __len__(self) -> int:
        return (self._written + len(self._tail)) // 2

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def append(self, data: bytes) -> None:
        """Append samples as the bytes of this machine's int16."""
        self._tail += data
        if len(self._tail) > (IN_MEMORY if self._file is None else BLOCK):
            self._put(self._tail)
            self._tail = bytearray()

    def part(self, first: int, last: int) -> np.ndarray:
        """The samples from `first` to before `last`."""
        if self._file is None:
            return np.frombuffer(self._tail, np.int16)[first:last]
        begin, end = 2 * first, 2 * min(last, len(self))
        data = bytearray(max(0, end - begin))
        view = memoryview(data)
        there = max(0, min(end, self._written) - begin)  # bytes of them that are in the file
        for offset in range(0, there, BLOCK):
            block = os.pread(self._file, min(BLOCK, there - offset), begin + offset)
            view[offset : offset + len(block)] = block
        behind = max(0, begin - self._written)
        view[there:] = self._tail[behind : behind + len(data) - there]
        return np.frombuffer(data, np.int16)

    def whole(self) -> np.ndarray:
        """All samples."""
        return self.part(0, len(self))

    def blocks(self) -> Iterator[np.ndarray]:
        """All samples, a part at a time."""
        for first in range(0, len(self), BLOCK):
            yield self.part(first, first + BLOCK)

    def _put(self, data: bytearray) -> None:
        """Write at the end of the file; where its disk is full, move to another place."""
        while True:
            try:
                if self._file is None:
                    self._file = next(self._places)
                _write(self._file, data, self._written)
            except OSError:
                self._move()
            else:
                self._written += len(data)
                return

    def _move(self) -> None:
        """Copy what is written to the next place; raises `MemoryError` where there is none."""
        old, self._file = self._file, None
        try:
            for new in self._places:
                try:
                    for offset in range(0, self._written, BLOCK):
                        assert old is not None
                        block = os.pread(old, min(BLOCK, self._written - offset), offset)
                        _write(new, block, offset)
                except OSError:
                    os.close(new)
                else:
                    self._file = new
                    return
        finally:
            if old is not None:
                os.close(old)
        raise MemoryError("no disk and no memory has room for the decoded samples")


def _places() -> Iterator[int]:
    """Open files without a name, on disks first and in memory at last."""
    for directory in dict.fromkeys((os.environ.get("TMPDIR"), "/var/tmp", tempfile.gettempdir())):
        if directory:
            try:
                with tempfile.TemporaryFile(dir=directory) as file:
                    yield os.dup(file.fileno())
            except OSError:
                continue
    yield os.memfd_create("mlenv-samples")


def _write(file: int, data: bytes | bytearray, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
