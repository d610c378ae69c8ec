"""Resolve the inputs of a transcription: files, folders, patterns, pipes.

Imports late what only folders, patterns and odd names need: `exec` starts with each recording.
"""

from __future__ import annotations

import functools
import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, NamedTuple

from mlenv.files import sha256
from mlenv.result import WRONG_USAGE, MlenvError, Problem, next_steps
from mlenv.speech.transcribe import names, scratch
from mlenv.speech.transcribe.names import NO_AUDIO as NO_AUDIO
from mlenv.speech.transcribe.names import STANDARD_INPUT as STANDARD_INPUT
from mlenv.speech.transcribe.names import path_of as path_of
from mlenv.speech.transcribe.names import printable as printable
from mlenv.speech.transcribe.names import text_of as text_of

# Names that mean another file in another process.
OWN_FILES = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/")
RECORDS = ".mlenv"  # the folder of what is recorded about transcripts


class State(NamedTuple):
    """Size and times of a file, in bytes and nanoseconds: whoever writes to it changes them.

    `mark`: what a store says of an object in their place, such as its ETag.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One input: the file to read, what to call it, and its place below the output directory.

    `number`: of the request that names it, where several may name the same file. `is_stream`: it
    can be read once only, see `spooled`. `held`: the open file where `file` is a name of it for
    other processes.
    """

    file: Path
    shown: str
    place: Path
    number: int | None = None
    is_stream: bool = field(default=False, compare=False)
    held: IO[bytes] | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """Its name on a terminal, in one line."""
        return printable(self.shown)

    @property
    def uri(self) -> str | None:
        """Its address, where its name is not UTF-8: `shown` can't have it."""
        return None if self.held else names.uri_of(self.file)

    def named(self) -> dict[str, str]:
        """It as lines of events name it."""
        return {"path": self.shown, **({"uri": self.uri} if self.uri else {})}

    def name(self) -> str:
        """The name that stays the same from one call to the next."""
        name = self.shown if self.held else self.file
        return os.fsencode(name).decode("utf-8", "backslashreplace")

    def state(self) -> State | None:
        """Size and times; None where the file can't be asked, of which the worker says why."""
        try:
            status = self.file.stat()
        except OSError:
            return None
        return State(status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def sha256(self) -> str | None:
        """The sha256 of its content; None where it can't be read."""
        return sha256(self.file)


class Survey(NamedTuple):
    """The inputs of one call.

    `problems`: what could not be looked at. Of folders, `passed_over` counts the files that are no
    recordings, by suffix, and `doubtful` are those that may be, and folders behind links. `below`
    are the folders in them that were not looked into.
    """

    sources: list[Source]
    problems: list[Problem]
    passed_over: Counter[str]
    doubtful: list[str]
    below: list[str]


def survey(words: Sequence[str], *, recursive: bool) -> Survey:
    """Files, folders, glob patterns and pipes as sources, each once, in a stable order.

    Raises `MlenvError` where the words lead to nothing at all.
    """
    result = Survey([], [], Counter(), [], [])
    for word in words:
        _look(word, recursive, result)
    if not result.sources and {problem.code for problem in result.problems} == {NO_AUDIO}:
        message = "\n".join(problem.message for problem in result.problems)
        hint = next(filter(None, (problem.hint for problem in result.problems)), "")
        raise MlenvError(NO_AUDIO, message, hint, exit_code=WRONG_USAGE)
    once: dict[tuple[str, str], Source] = {}
    for source in result.sources:
        once.setdefault((_real_folder(source.file.parent), source.file.name), source)
    # a folder may have been come to by several words, and have other names in the hints
    problems: dict[object, Problem] = {}
    for problem in result.problems:
        problems.setdefault((problem.code, problem.message, problem.path), problem)
    return result._replace(sources=list(once.values()), problems=list(problems.values()))


def expand(words: Sequence[str]) -> list[Source]:
    """The sources of words that all lead somewhere; raises `MlenvError` for one that does not."""
    result = survey(words, recursive=False)
    for problem in result.problems:
        raise MlenvError(problem.code, problem.message, problem.hint, path=problem.path)
    return result.sources


def single(word: str) -> Source:
    """The one file that a word names; raises `MlenvError` for folders, pipes and all else."""
    result = Survey([], [], Counter(), [], [])
    label = printable(text_of(word))
    if os.path.lexists(path_of(word)):
        if path_of(word).is_dir():
            raise MlenvError(NO_AUDIO, f"{label} is a folder.", "Name one recording.")
        _look(word, False, result)
    else:
        message = f"{label} does not exist."
        result.problems.append(Problem("audio-missing", message, hint=names.hint(word)))
    for problem in result.problems:
        raise MlenvError(problem.code, problem.message, problem.hint)
    (source,) = result.sources
    if source.is_stream:
        raise MlenvError(
            NO_AUDIO, f"{label} is no file that can be read twice.", "Name a recording."
        )
    return source


def spooled(
    source: Source, stream: IO[bytes] | None, tell: Callable[[str], object] = lambda _: None
) -> Source:
    """A stream as a file that can be read back and forth; raises `MlenvError`.

    `stream`: standard input, which is closed where it is None; any other is opened here. `tell`
    gets lines about where it is kept.
    """
    if source.shown != STANDARD_INPUT:
        try:
            with source.file.open("rb") as stream:
                held = scratch.spooled(stream, source.label, tell)
        except OSError as error:
            message = f"{source.label} can't be read: {error.strerror}."
            raise MlenvError("audio-unreadable", message) from error
    elif stream is None:
        raise MlenvError("audio-missing", "Standard input is closed.")
    else:
        held = scratch.spooled(stream, "Standard input", tell)
    return replace(source, file=Path(scratch.path_of(held)), is_stream=False, held=held)


def _look(word: str, recursive: bool, into: Survey) -> None:
    """Add what a word leads to."""
    import glob

    if word == STANDARD_INPUT:
        into.sources.append(Source(Path(word), word, Path("stdin"), is_stream=True))
        return
    path = path_of(word)
    label = printable(text_of(word))
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if not glob.has_magic(word):
            hint, uri = names.hint(word), names.uri_of(word)
            message = f"{label} does not exist."
            into.problems.append(Problem("audio-missing", message, text_of(word), hint, uri))
        elif matches := sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 (any root)
            for name in matches:
                if Path(name).is_file() or ("**" not in word and Path(name).is_dir()):
                    _look(name, recursive, into)
        else:
            hint = names.unmatched(word)
            problem = Problem(NO_AUDIO, f"No file matches {label}.", text_of(word), hint)
            into.problems.append(problem)
        return
    except (OSError, ValueError) as error:  # no permission, a circle of links, too long a name
        reason = getattr(error, "strerror", None) or str(error)
        label = label if len(label) < 200 else f"{label[:60]}…{label[-60:]}"
        message = f"{label} can't be read: {reason}."
        hint, uri = next_steps.of_cause(error), names.uri_of(path)
        into.problems.append(Problem("audio-unreadable", message, text_of(path), hint, uri))
        return
    if stat.S_ISDIR(mode):
        _look_into(path, label, recursive, into)
    elif stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or word.startswith(OWN_FILES):
        is_stream = not stat.S_ISREG(mode) or word.startswith(OWN_FILES)
        into.sources.append(_single(path, is_stream))
    else:
        message = f"{label} is a device, and no file."
        into.problems.append(Problem("audio-missing", message, text_of(path)))


def _single(path: Path, is_stream: bool) -> Source:
    return Source(path.absolute(), text_of(path), Path(path.name), is_stream=is_stream)


def _look_into(folder: Path, label: str, recursive: bool, into: Survey) -> None:
    """Add the recordings in a folder, in those below it too if `recursive`."""
    from mlenv.speech.transcribe.recordings import Kind, kind

    before = len(into.sources), len(into.problems), len(into.doubtful)

    def unreadable(error: OSError) -> None:
        where = text_of(Path(error.filename or folder))
        message = f"The folder {printable(where)} can't be read: {error.strerror}."
        hint, uri = next_steps.of_system(error), names.uri_of(error.filename or folder)
        into.problems.append(Problem("folder-unreadable", message, where, hint, uri))

    for directory, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(set(folders) - {RECORDS})
        if not recursive:
            into.below.extend(f"{text_of(Path(directory) / name)}/" for name in folders)
            folders.clear()
        links = [Path(directory) / name for name in folders if Path(directory, name).is_symlink()]
        into.doubtful.extend(f"{text_of(link)}/" for link in links)
        for name in sorted(files):
            path = Path(directory) / name
            which = kind(path)
            if which is Kind.RECORDING:
                place = path.relative_to(folder)
                into.sources.append(Source(path.absolute(), text_of(path), place))
                continue
            into.passed_over[path.suffix.lower()] += 1
            if which is Kind.DOUBTFUL:
                into.doubtful.append(text_of(path))
    if before == (len(into.sources), len(into.problems), len(into.doubtful)):
        hint = "Name another folder, or a file in it, which is tried whatever its name."
        if not recursive:
            hint = "Add --recursive to look into folders below."
        message = f"There is no audio or video file in {label}."
        into.problems.append(Problem(NO_AUDIO, message, text_of(folder), hint))


@functools.cache
def _real_folder(folder: Path) -> str:
    return os.path.realpath(folder)
