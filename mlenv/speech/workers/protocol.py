"""The conversation with a worker: one JSON object per line, requests in, events out.

Requests and events are declared here once; mlenv reads this module too. `pipe.py` has the worker's
ends of it.
"""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, TypeVar

SCRATCH = "mlenv-diarizer-"  # the diarizer's temporary directory; its process id follows


class Word(TypedDict):
    """One word as Whisper writes it, with the space before it and the punctuation after."""

    word: str
    start: float
    end: float
    probability: float


class Segment(TypedDict):
    """One segment; times in seconds from the start of the file."""

    start: float
    end: float
    text: str
    words: list[Word]


class Turn(TypedDict):
    """One speaker's turn; times in seconds."""

    start: float
    end: float
    speaker: str


class FileWarning(TypedDict):
    """Something lost, guessed or left out in a file.

    `message`: what is true of the file, to be read behind its name. `start`, `end`: seconds on the
    file's clock, None where it has no place.
    """

    code: str
    message: str
    start: float | None
    end: float | None


@dataclass(frozen=True)
class TranscriberConfig:
    """The first request to the transcriber.

    `model`: a directory. `device`: auto, cpu or cuda. `threads`: 0 for as many as suit. `at_once`:
    files under way together, on a CPU. `batch_size`: None for no batches. `options`: arguments
    of faster-whisper's `transcribe`. `seed`: of the words that are drawn at random; None draws
    none. `track`: its number, or codes of its language; empty for the default. `channels`: mix,
    each, or the number of one from 1. `stays`: files come one by one for hours, so each gets all
    threads, whichever others are under way.
    """

    model: str
    device: str
    device_index: int
    compute_type: str
    threads: int
    at_once: int
    batch_size: int | None
    options: dict[str, Any]
    seed: int | None = None
    track: list[str] = dataclasses.field(default_factory=list)
    channels: str = "mix"
    stays: bool = False


@dataclass(frozen=True)
class DiarizerConfig:
    """The first request to the diarizer.

    `pipeline`: {"kind": "open", "segmentation", "embedding"} with a directory each, or
    {"kind": "pretrained", "from"} with a directory or a hub id. `track`, `channels`: as above.
    `memory`: bytes that are free, None if unknown.
    """

    pipeline: dict[str, str]
    device: str
    device_index: int
    num_speakers: int | None
    min_speakers: int | None
    max_speakers: int | None
    track: list[str] = dataclasses.field(default_factory=list)
    channels: str = "mix"
    memory: float | None = None


@dataclass(frozen=True)
class FileRequest:
    """One file: its `path`, and the `samples` that the transcriber decoded (a path too), if any.

    `handover`: an open file of mlenv's (a path) into which the transcriber writes its samples.
    `settings`: fields of the configuration that are other ones for this file.
    """

    id: int
    path: str
    samples: str | None = None
    handover: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Cancel:
    """A file that nobody waits for any more: it fails at its next event, as `cancelled`."""

    cancel: int


@dataclass(frozen=True)
class Trying:
    """A device is about to be used for the first time, which may end the process."""

    device: str


@dataclass(frozen=True)
class Ready:
    """The model is loaded. `notes`: lines that people should read, such as a slower way taken."""

    device: str
    seconds: dict[str, float]
    why: str = ""
    compute_type: str | None = None
    warning: str | None = None
    at_once: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """The worker can't do what the configuration asks for, and ends."""

    code: str
    message: str


@dataclass(frozen=True)
class Decoded:
    """A file is decoded. `unread`: the share of it that could not be read, 0 to 1.

    `path`: where the samples lie, if handed over.
    """

    id: int
    duration: float
    warnings: list[FileWarning]
    unread: float
    path: str | None


@dataclass(frozen=True)
class SegmentFound:
    """One more segment of a file. `channel`: its number, where each is transcribed apart."""

    id: int
    segment: Segment
    channel: int | None = None


@dataclass(frozen=True)
class Transcribed:
    """All segments of a file have been sent.

    `silent`: channels without words, from 1, where each is transcribed apart. `unheard`: places
    (start and end in seconds) with speech and without words. `language_probability`: how sure it
    is, 0 to 1.
    """

    id: int
    language: str | None
    seconds: dict[str, float]
    libraries: list[str]
    silent: list[int] = dataclasses.field(default_factory=list)
    unheard: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    language_probability: float | None = None


@dataclass(frozen=True)
class Diarizing:
    """Progress of one file's diarization; `share` of the present step, 0 to 1."""

    id: int
    step: str
    share: float


@dataclass(frozen=True)
class Diarized:
    """The speakers' turns of one file; `exclusive` are the same without overlap."""

    id: int
    turns: list[Turn]
    exclusive: list[Turn]
    seconds: dict[str, float]
    libraries: list[str]
    warnings: list[FileWarning] = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class FileFailed:
    """One file could not be done; the worker goes on with the next."""

    id: int
    code: str
    message: str


FileEvent = Decoded | SegmentFound | Transcribed | Diarizing | Diarized | FileFailed
Event = Trying | Ready | Refused | FileEvent
EVENTS: dict[str, type[Event]] = {
    "trying": Trying,
    "ready": Ready,
    "refused": Refused,
    "decoded": Decoded,
    "segment": SegmentFound,
    "transcribed": Transcribed,
    "diarizing": Diarizing,
    "diarized": Diarized,
    "failed": FileFailed,
}
_NAMES = {kind: name for name, kind in EVENTS.items()}
Config = TypeVar("Config", TranscriberConfig, DiarizerConfig)
CANCELLED = "cancelled"  # the code of a file that was cancelled


def encode(request: TranscriberConfig | DiarizerConfig | FileRequest | Cancel) -> bytes:
    """Write a request as one line."""
    return json.dumps(dataclasses.asdict(request)).encode() + b"\n"


def decode_event(line: bytes) -> Event:
    """Read one line of a worker; raises `ValueError` for anything that is no event."""
    try:
        fields = json.loads(line)
        return EVENTS[fields.pop("event")](**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no event of a worker: {error}") from error


def reason(error: BaseException) -> str:
    """The text of an error; its kind too, unless that says nothing."""
    if type(error) in (RuntimeError, ValueError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}"


class Clock:
    """Seconds since the start or the last lap."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def lap(self) -> float:
        """Return the seconds since the last call, to the millisecond."""
        now = time.monotonic()
        lap, self._last = now - self._last, now
        return round(lap, 3)


def libraries() -> list[str]:
    """Files of CUDA, cuDNN, CTranslate2 and torch that this process has really mapped."""
    paths = set()
    try:
        with Path("/proc/self/maps").open() as maps:
            for line in maps:
                path = line.rstrip("\n").partition("/")[2]
                name = path.rpartition("/")[2]
                if name.startswith(("libcu", "libnv", "libctranslate2", "libtorch")):
                    paths.add("/" + path)
    except OSError:  # no /proc on this system
        pass
    return sorted(paths)
