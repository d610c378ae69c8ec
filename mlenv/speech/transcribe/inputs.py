"""Resolve the inputs of a transcription and the files of their transcripts."""

from __future__ import annotations

import glob
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

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


@dataclass(frozen=True, slots=True)
class Source:
    """One input: the file to read, what to call it, and its place below the output directory.

    `held`: the open file where `file` is a name of it for other processes.
    """

    file: Path
    shown: str
    place: Path
    held: IO[bytes] | None = field(default=None, compare=False)

    def size(self) -> int:
        """Bytes of the file; 0 where it can't be asked, of which the worker says what is wrong."""
        try:
            return self.file.stat().st_size
        except OSError:
            return 0


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


def outputs(
    sources: Sequence[Source], directory: Path, formats: Sequence[str]
) -> dict[Path, dict[str, Path]]:
    """For each input file, its output file by format: `talk.m4a` becomes `talk.srt`.

    Two inputs that differ only in their suffix keep it (`talk.m4a.srt`). Raises `MlenvError`
    where two would still write the same file.
    """
    plain = Counter(source.place.with_suffix("") for source in sources)
    found: dict[Path, dict[str, Path]] = {}
    owner: dict[Path, Source] = {}
    for source in sources:
        bare = source.place.with_suffix("")
        stem = bare if plain[bare] == 1 else source.place
        if stem in owner:
            raise MlenvError(
                "output-clash",
                f"{owner[stem].shown} and {source.shown} would both be written to "
                f"{directory / stem}.{formats[0]}, one over the other.",
                "Transcribe them separately, each with its own --output-dir.",
                exit_code=WRONG_USAGE,
            )
        owner[stem] = source
        found[source.file] = {kind: directory / f"{stem}.{kind}" for kind in formats}
    return found


def writable(directory: Path) -> None:
    """Make the output directory and try it, before any work is done."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise MlenvError(
            "not-writable",
            f"Nothing can be written to {directory}: {error.strerror}.",
            "Name another directory with --output-dir.",
        ) from error


def is_done(source: Source, files: dict[str, Path]) -> bool:
    """Tell if every output is there and younger than the input. None is ever half-written."""
    try:
        changed = source.file.stat().st_mtime_ns
        return all(file.stat().st_mtime_ns >= changed for file in files.values())
    except OSError:
        return False


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
