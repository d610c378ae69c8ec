"""Read one file to its end: its containers, one after another, onto one timeline."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import av.error

from . import joined, lengths, losses, marks, tracks, truncation
from .losses import Losses, warning
from .mixing import Mixdown
from .packets import Damage, Packets
from .timeline import LEAST, Timeline

# Tags need not be UTF-8. PyAV has taken them as they are since 19, and knows no such option then.
TAGS = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


class Unreadable(Exception):
    """The file holds nothing that can be heard."""


class Nonsense(Exception):
    """The times in the file make no sense."""


@dataclass(frozen=True)
class Choice:
    """The part of a file to hear. `track`: see `tracks.choose`. `channel`: from 0, None for all.

    `gains`: decibels by which to raise channels. `timed`: go by the times in the file.
    """

    track: tuple[str, ...] = ()
    channel: int | None = None
    gains: Mapping[int, float] = field(default_factory=dict)
    timed: bool = True


class Reading:
    """The decoding of one file."""

    def __init__(self, path: str, choice: Choice) -> None:
        self._path, self._choice = path, choice
        self._position = 0.0
        self.mixdown = Mixdown(choice.channel, choice.gains)
        self.losses = Losses()

    def run(self) -> None:
        """Decode all; raises `Unreadable` or an error of PyAV's."""
        place = self._read(0)
        while place is not None:
            begin = self._position
            try:
                place = self._read(place)
            except (av.error.FFmpegError, Unreadable, ValueError):
                message = f"goes on behind its end ({begin:.1f} s) with what can't be read"
                self._warn("joined", message, begin)
                return

    def _read(self, begin: int) -> int | None:
        """Decode the container at a place in the file; returns the place of the next one."""
        with self._opened(begin) as container:
            stream = self._stream(container, is_first=begin == 0)
            timeline = self._timeline(container, stream)
            packets = Packets(container, stream, lengths.others(container, stream))
            trouble = None
            for item in packets:
                if isinstance(item, Damage):
                    timeline.damage(item.seconds)
                    trouble = item.error
                else:
                    self._take(item, timeline)
            left = Path(self._path).stat().st_size - begin - packets.end
            if lengths.form(container) in lengths.END_WITH_SOUND and packets.end and left > LEAST:
                seconds = timeline.position - self._position  # of as many bytes as lie before
                timeline.damage(seconds * left / packets.end)
            timeline.end(left)
            if trouble and timeline.position == self._position:
                raise trouble
            place = None
            if packets.end:
                place = joined.next_file(self._path, begin, begin + packets.end)
            others_end = packets.last - lengths.origin(container)
            held = max(timeline.position, self._position + others_end)
            path = self._path if begin == 0 else None
            promised = None if place else lengths.promised(path, container, stream, held)
            if not timeline.makes_sense:
                raise Nonsense
            self._count(timeline, lengths.form(container), held, promised)
            self._tell_of_header(begin, held)
            if begin and lengths.form(container) != "ogg":  # whose streams may be chained
                message = f"is several files in one: another one begins at {self._position:.1f} s"
                self._warn("joined", message, self._position)
            self._position = timeline.position
            return place

    @contextlib.contextmanager
    def _opened(self, begin: int) -> Iterator[Any]:
        options = {}
        if begin == 0 and (
            truncation.is_open_rf64(self._path) or truncation.wav_goes_on(self._path)
        ):
            options = {"ignore_length": "1"}
        file: Any = joined.Tail(self._path, begin) if begin else self._path
        with av.open(file, options=options, **TAGS) as container:
            if not (codecs := _without_bits(container)):
                yield container
                return
        file = joined.Tail(self._path, begin) if begin else self._path
        with av.open(file, options=options, stream_options=codecs, **TAGS) as container:
            yield container

    def _stream(self, container: Any, *, is_first: bool) -> Any:
        if not container.streams.audio:
            raise Unreadable("holds no audio")
        try:
            stream, about = tracks.choose(container.streams.audio, self._choice.track)
        except tracks.NoTrack as error:
            raise Unreadable(str(error)) from None
        if stream.codec_context is None:
            raise Unreadable("can't be decoded: FFmpeg has no decoder for the codec of its sound")
        if about and is_first:
            self._warn("track", about)
        return stream

    def _timeline(self, container: Any, stream: Any) -> Timeline:
        begins = None if container.start_time is None else lengths.origin(container)
        lasts = None
        if lengths.form(container) in lengths.KNOW_LENGTH and container.duration:
            lasts = container.duration / 1e6
        form = lengths.form(container)
        return Timeline(
            begins,
            lasts,
            counts=form in lengths.HAVE_NO_CLOCK,
            untimed=lengths.has_no_times(container, stream) or not self._choice.timed,
            position=self._position,
        )

    def _take(self, frame: Any, timeline: Timeline) -> None:
        """Put a frame where it belongs; one that makes no sense counts as damage."""
        if not (frame.sample_rate and frame.samples):
            timeline.damage(0.0)
            return
        seconds = frame.samples / frame.sample_rate
        if silence := timeline.place(frame.time, seconds, frame.sample_rate):
            if not timeline.makes_sense:
                raise Nonsense
            self.mixdown.silence(silence)
        self.mixdown.add(frame)

    def _count(self, timeline: Timeline, form: str, held: float, promised: float | None) -> None:
        """Count what is missing of one container, which should last `promised` seconds."""
        end = None if promised is None else self._position + promised
        short = losses.of_length(end, held)
        spans = timeline.spans
        if form == "gsm" and not spans:
            spans = marks.of_gsm(self._path)
        if short.warnings:  # what is damaged at its end belongs to what is missing there
            spans = [span for span in spans if span.start < timeline.position]
        self.losses += losses.of_spans(spans, form) + short

    def _tell_of_header(self, begin: int, held: float) -> None:
        if begin == 0 and (seconds := truncation.wav_goes_on(self._path)):
            message = (
                f"says that it lasts {seconds:.1f} s and holds {held:.1f} s: all of it is read"
            )
            self._warn("header", message, seconds, held)

    def _warn(
        self, code: str, message: str, start: float | None = None, end: float | None = None
    ) -> None:
        self.losses += Losses((warning(code, message, start, end),))


def _without_bits(container: Any) -> list[dict[str, str]]:
    """Options for the codecs where a container, such as NUT, does not name a sample's bits.

    Only 4 are in use; empty where nothing is amiss.
    """
    amiss = [
        stream.codec_context is not None  # without one PyAV crashes at the type of some streams
        and stream.type == "audio"
        and (stream.codec_context.name, stream.codec_context.channels) == ("adpcm_ima_wav", 0)
        for stream in container.streams
    ]
    return [{"bits_per_coded_sample": "4"} if each else {} for each in amiss] if any(amiss) else []
