"""Resolve the inputs of a transcription and the files of their transcripts."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe import scratch

STANDARD_INPUT = "-"

# What a folder is searched for. A file named by itself may be called anything.
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("3gp", "aac", "ac3", "aif", "aiff", "amr", "au", "avi", "caf", "flac", "flv", "m4a"),
        *("m4b", "mka", "mkv", "mov", "mp2", "mp3", "mp4", "mpeg", "mpg", "oga", "ogg", "opus"),
        *("spx", "ts", "w64", "wav", "weba", "webm", "wma", "wmv"),
    )
)


class State(NamedTuple):
    """Size and times of a file, in bytes and nanoseconds: whoever writes to it changes them."""

    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """One input: the file to read, what to call it, and its place below the output directory.

    `held`: the open file where `file` is a name of it for other processes.
    """

    file: Path
    shown: str
    place: Path
    held: IO[bytes] | None = field(default=None, compare=False)

    def name(self) -> str:
        """What the file is known by from one call to the next."""
        return os.fsencode(self.shown if self.held else self.file).decode(
            "utf-8", "backslashreplace"
        )

    def state(self) -> State | None:
        """Size and times; None where the file can't be asked, of which the worker says why."""
        try:
            stat = self.file.stat()
        except OSError:
            return None
        return State(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def expand(words: Sequence[str], *, recursive: bool) -> list[Source]:
    """Files, folders and glob patterns as files, each once, in a stable order.

    Standard input is no file yet: see `spooled`. Raises `MlenvError` where nothing is left.
    """
    sources: dict[Path, Source] = {}
    for word in words:
        for source in _expanded(word, recursive):
            sources.setdefault(source.file, source)
    if not sources:
        named = ", ".join(words)
        has_folder = any(Path(word).expanduser().is_dir() for word in words)
        raise MlenvError(
            "no-audio",
            f"There is no audio or video file in {named}."
            if has_folder
            else f"No file matches {named}.",
            "" if recursive or not has_folder else "Add --recursive to look into folders below.",
            exit_code=WRONG_USAGE,
        )
    return list(sources.values())


def spooled(stream: IO[bytes]) -> Source:
    """Standard input as a file."""
    file = scratch.spooled(stream, "Standard input")
    return Source(Path(scratch.path_of(file)), STANDARD_INPUT, Path("stdin"), file)


def _expanded(word: str, recursive: bool) -> Iterator[Source]:
    path = Path(word).expanduser()
    if path.is_dir():
        yield from _in_folder(path, recursive)
    elif not path.exists() and glob.has_magic(word):
        for name in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 (any root)
            found = Path(name)
            if found.is_file():
                yield _single(found)
    else:
        yield _single(path)


def _single(path: Path) -> Source:
    return Source(path.absolute(), _shown(path), Path(path.name))


def _in_folder(folder: Path, recursive: bool) -> Iterator[Source]:
    for directory, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(directory) / name
            if path.suffix.lower() in SUFFIXES:
                yield Source(path.absolute(), _shown(path), path.relative_to(folder))
        if not recursive:
            break


def _shown(path: Path) -> str:
    """A path that can be printed, whatever bytes are in its name."""
    return os.fsencode(path).decode("utf-8", "replace")
