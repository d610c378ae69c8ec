"""Read a stream packet by packet, so that a damaged packet costs itself and not the rest.

FFmpeg's own command line goes on after an error in a packet. PyAV's `container.decode` ends there.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import av.error

from . import lengths

TAGS = (b"ID3", b"TAG", b"APETAGEX")  # not sound, but between the pieces of a joined file
LEAST_UNHEARD = 0.5  # seconds; a writer's padding holds less
FAILURES = 100  # reads in a row that fail, after which nothing more is to be had


@dataclass(frozen=True)
class Damage:
    """A part that can't be read or decoded. `seconds`: how long it should last, 0 if unknown."""

    seconds: float
    error: Exception


class Packets:
    """Iterate over PyAV's frames of one stream, with `Damage` where there is some.

    `last`: the latest time in seconds at which a packet of the `others` ends. `end`: the place
    in the file behind the last packet of the stream, 0 where the container does not tell.
    """

    def __init__(self, container: Any, stream: Any, others: tuple[Any, ...] = ()) -> None:
        self._container, self._stream, self._others = container, stream, others
        self.last = 0.0
        self.end = 0
        self._pace = 0.0  # seconds of sound in a byte of the packet before
        self._unheard = 0.0  # seconds of packets that were taken without an error, and not decoded

    def __iter__(self) -> Iterator[Any]:
        failures = 0
        while failures < FAILURES:
            try:
                for packet in self._container.demux(self._stream, *self._others):
                    failures = 0
                    yield from self._taken(packet)
                break
            except av.error.PatchWelcomeError:  # a chained Ogg file with other channels: see joined
                return
            except IndexError:  # a packet of a stream that began later, which PyAV does not know
                continue
            except av.error.FFmpegError as error:  # the next read may succeed
                failures += 1
                if failures == 1:
                    yield Damage(0.0, error)
        if self._unheard >= LEAST_UNHEARD:
            yield Damage(self._unheard, ValueError("packets without sound"))

    def _taken(self, packet: Any) -> Iterator[Any]:
        if packet.stream_index != self._stream.index:
            if packet.pts is not None:
                end = _seconds(packet.pts + (packet.duration or 0), packet)
                self.last = max(self.last, end)
            return
        if packet.size and packet.pos is not None:
            self.end = max(self.end, packet.pos + packet.size)
        if self._stream.codec_context.name in lengths.STEADY:
            yield from self._steady(packet)
        else:
            yield from _decoded(packet)

    def _steady(self, packet: Any) -> Iterator[Any]:
        """The frames of a packet that should last as long as its size says."""
        items = list(_decoded(packet))
        frames = [item for item in items if not isinstance(item, Damage)]
        seconds = sum(frame.samples / frame.sample_rate for frame in frames)
        expected = packet.size * self._pace
        if seconds < expected / 2:
            self._unheard += expected - seconds
        elif packet.size:
            self._pace = seconds / packet.size
        yield from items


def _decoded(packet: Any) -> Iterator[Any]:
    try:
        yield from packet.decode()
    except av.error.FFmpegError as error:
        data = bytes(packet)
        if data and not data.startswith(TAGS):
            if packet.stream.codec_context.name == "flac":
                yield from _pieces(packet.stream, data)
            yield Damage(_seconds(packet.duration, packet), error)


def _pieces(stream: Any, data: bytes) -> Iterator[Any]:
    """The frames around a damaged one: a FLAC packet goes on to the next frame with a header."""
    marks = [match.start() for match in re.finditer(b"\xff[\xf8\xf9]", data)] + [len(data)]
    begin = 0
    while begin < len(marks) - 1:
        for end in range(begin + 1, min(begin + 4, len(marks))):  # such bytes come in frames too
            with contextlib.suppress(av.error.FFmpegError):
                yield from stream.codec_context.decode(av.Packet(data[marks[begin] : marks[end]]))
                begin = end - 1
                break
        begin += 1


def _seconds(ticks: int | None, packet: Any) -> float:
    return float(ticks * packet.time_base) if ticks and packet.time_base else 0.0
