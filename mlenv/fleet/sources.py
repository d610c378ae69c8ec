"""The snapshots of several hosts: which files they are, and what the hosts are called.

A snapshot holds no host's name, so its file has to: `gpu01.json` is host gpu01.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mlenv import files
from mlenv.fleet.documents import FileProblem, PassedOver

ENDING = ".json"
NOT_READ = "no-snapshot"
NO_SNAPSHOTS = "no-snapshots"
SHARED_NAME = "duplicate-host"


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is to be judged as the snapshot of a host."""

    host: str
    file: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Files to judge, and what is to be said of the others."""

    sources: tuple[Source, ...]
    problems: tuple[FileProblem, ...]
    passed_over: tuple[PassedOver, ...]


def listed(words: Sequence[str]) -> Listing:
    """The snapshots that files and directories come to.

    A file that is named is one whatever its name; in a directory those are that end in `.json`.
    """
    problems: list[FileProblem] = []
    passed_over: list[PassedOver] = []
    found: dict[str, str] = {}
    for word in words:
        is_folder = os.path.isdir(word)  # noqa: PTH112 (never raises)
        for file in _inside(word, problems, passed_over) if is_folder else (word,):
            real = os.path.realpath(file)
            if real in found:
                passed_over.append(PassedOver(file=file, why=f"the same file as {found[real]}"))
            else:
                found[real] = file
    sources = [Source(_host(file), file) for file in found.values()]
    problems += _shared(sources)
    return Listing(tuple(_told_apart(sources)), tuple(problems), tuple(passed_over))


def _inside(
    folder: str, problems: list[FileProblem], passed_over: list[PassedOver]
) -> Iterator[str]:
    """The snapshots in a directory; what else is there is added to the lists."""
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        message = f"{folder} could not be read: {files.why(error)}."
        problems.append(FileProblem(file=folder, code=NO_SNAPSHOTS, message=message))
        return
    count = 0
    for entry in inside:
        if why := _why_not(entry):
            passed_over.append(PassedOver(file=entry.path, why=why))
        else:
            count += 1
            yield entry.path
    if not count:
        message = f"{folder} holds no snapshot: each is a file HOST{ENDING}."
        problems.append(FileProblem(file=folder, code=NO_SNAPSHOTS, message=message))


def _why_not(entry: os.DirEntry[str]) -> str:
    """The reason why an entry of a directory is no snapshot; empty if it may be one."""
    if entry.name.startswith("."):
        return "hidden"
    if not entry.name.endswith(ENDING):
        return f"its name does not end in {ENDING}"
    try:
        return "a directory" if entry.is_dir() else ""
    except OSError:  # reading it says what is wrong
        return ""


def _host(file: str) -> str:
    return os.path.basename(file).removesuffix(ENDING) or file  # noqa: PTH119


def _shared(sources: Sequence[Source]) -> Iterator[FileProblem]:
    """Names that several files bear."""
    count = Counter(source.host for source in sources)
    for host, number in count.items():
        if number > 1:
            same = [source.file for source in sources if source.host == host]
            message = (
                f"{number} snapshots are called {host} ({', '.join(same)}): each is judged, under "
                "its path."
            )
            yield FileProblem(file=same[0], code=SHARED_NAME, message=message)


def _told_apart(sources: Sequence[Source]) -> Iterator[Source]:
    """The same, with paths for the names that are not their own."""
    count = Counter(source.host for source in sources)
    for source in sources:
        yield source if count[source.host] == 1 else replace(source, host=source.file)
