"""Files without a name: they end with the process that has them open, whatever ends it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from mlenv.files import lock_unless_held
from mlenv.result import MlenvError
from mlenv.speech.workers.protocol import SCRATCH

CHUNK = 1 << 20  # bytes
LARGE = 1 << 30  # bytes of a stream that are worth a line where they are kept


def in_memory(purpose: str) -> IO[bytes]:
    """An empty file in memory, whatever the size of /dev/shm; on a disk where Linux has none."""
    try:
        return os.fdopen(os.memfd_create(f"mlenv-{purpose}"), "w+b")
    except (AttributeError, OSError):
        return tempfile.TemporaryFile()


def path_of(stream: IO[bytes]) -> str:
    """A path by which a process of the same user can open a file of this process anew."""
    return f"/proc/{os.getpid()}/fd/{stream.fileno()}"


def clear_leftovers(
    memory: Path = Path("/dev/shm"), disk: Path | None = None, proc: Path = Path("/proc")
) -> None:
    """Remove directories that a killed run left.

    On `disk`: what a diarizer imports, whose process is gone, in a directory that nobody has
    locked: a process in a container can't be seen from here. In `memory`: the samples of earlier
    versions of mlenv, unless another run is alive.
    """
    leftovers = [
        directory
        for directory in _own(disk or Path(_directories()[0]), SCRATCH)
        if b"diarizer" not in _words(proc / directory.name.removeprefix(SCRATCH).partition("-")[0])
    ]
    samples = _own(memory, "mlenv-")
    if samples and not any(_is_run(process) for process in proc.glob("[0-9]*")):
        leftovers += samples
    for directory in leftovers:
        if (descriptor := lock_unless_held(directory)) is not None:
            shutil.rmtree(directory, ignore_errors=True)
            os.close(descriptor)


def clear_of(process: int) -> None:
    """Remove what a worker that was killed had no time to remove."""
    for directory in _own(Path(_directories()[0]), f"{SCRATCH}{process}-"):
        shutil.rmtree(directory, ignore_errors=True)


def _own(place: Path, beginning: str) -> list[Path]:
    """Directories of this user with names of that kind."""
    paths = []
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            is_directory = entry.name.startswith(beginning) and entry.is_dir(follow_symlinks=False)
            if is_directory and entry.stat(follow_symlinks=False).st_uid == os.getuid():
                paths.append(Path(entry.path))
    return paths


def _words(process: Path) -> list[bytes]:
    """The command line of a process; nothing for one that is over."""
    try:
        return (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_run(process: Path) -> bool:
    """Tell if a process is a run of mlenv's, or a worker of one, other than this."""
    words = _words(process)
    is_mlenv = any(b"mlenv" in word for word in words)
    commands = {b"transcribe", b"diarize", b"verify", b"transcriber", b"diarizer"}
    return process.name != str(os.getpid()) and is_mlenv and not commands.isdisjoint(words)


def spooled(stream: IO[bytes], name: str, tell: Callable[[str], object]) -> IO[bytes]:
    """All of a stream as a file that can be read back and forth, as most formats need it.

    Where a directory is full, it goes on in the next. Raises `MlenvError` where all are, and where
    the stream can't be read; `name` is that of the stream. `tell` gets a line where a large one is
    kept, and where a directory is full.
    """
    spool: IO[bytes] | None = None
    size, chunk = 0, b""
    for place in (directories := _directories()):
        try:
            file = tempfile.TemporaryFile(dir=place, buffering=0)  # noqa: SIM115 (it stays open)
            if spool:
                _copy(spool, size, file)
            while True:
                _write(file, chunk)
                if size < LARGE <= size + len(chunk):
                    tell(f"{name} is large: it is kept in {place} until it is through")
                spool, size = file, size + len(chunk)
                if not (chunk := _read(stream, name)):
                    return file
        except OSError as error:
            tell(f"{name} can't be kept in {place}: {error.strerror}")
    raise MlenvError(
        "no-room",
        f"{name} does not fit into {', '.join(directories)}, where it has to be kept meanwhile.",
        "Set TMPDIR to a directory with more room, or put it into a file and name that.",
    )


def _directories() -> list[str]:
    try:
        first = tempfile.gettempdir()
    except OSError:  # none that can be written to
        first = "/tmp"
    return list(dict.fromkeys((first, "/var/tmp", "/dev/shm")))


def _read(stream: IO[bytes], name: str) -> bytes:
    try:
        return stream.read(CHUNK)
    except OSError as error:
        message = f"{name} can't be read: {error.strerror}."
        raise MlenvError("audio-unreadable", message) from error


def _copy(source: IO[bytes], size: int, target: IO[bytes]) -> None:
    offset = 0
    while offset < size:
        chunk = os.pread(source.fileno(), min(CHUNK, size - offset), offset)
        _write(target, chunk)
        offset += len(chunk)


def _write(file: IO[bytes], chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(file.fileno(), rest) :]
