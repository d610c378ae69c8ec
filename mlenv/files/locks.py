"""Locks between processes: one at a time changes a place; the others say for whom they wait."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlenv.files import is_at
from mlenv.progress import Progress, Silent
from mlenv.result import MlenvError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_HELD = threading.local()  # paths of the locks that this thread holds
LATE = 5.0  # seconds of silence of a file system, after which it is named
LOCK_TIMEOUT = 600.0  # seconds that a command waits for another one; $MLENV_LOCK_TIMEOUT


@contextlib.contextmanager
def exclusive(
    path: Path, what: str, progress: Progress | None = None, *, wait: bool = True
) -> Iterator[bool]:
    """Hold the lock file `path`, so that one process at a time does `what` ("changing ..").

    Gives False where a caller in this thread holds it already. Says whom it waits for; raises
    `MlenvError` (code `busy`) after $MLENV_LOCK_TIMEOUT seconds, or at once without `wait`. Who
    holds the lock may remove its file.
    """
    from filelock import FileLock

    mine: set[Path] = _HELD.__dict__.setdefault("paths", set())
    if path in mine:
        yield False
        return
    holder, lock = path.with_name(f"{path.name}.holder"), FileLock(path)
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _acquire(lock, holder, what, progress or Silent(), wait=wait)
        except FileNotFoundError:  # its holder has removed the folder
            continue
        except OSError as error:
            raise _no_locks(path, error) from error
        if is_at(lock._context.lock_file_fd, path):
            break
        lock.release()
    try:
        holder.write_text(f"process {os.getpid()} (`{' '.join(['mlenv', *sys.argv[1:2]])}`)")
        mine.add(path)
        yield True
    finally:
        mine.discard(path)
        holder.unlink(missing_ok=True)
        lock.release()


def _acquire(
    lock: BaseFileLock, holder: Path, what: str, progress: Progress, *, wait: bool
) -> None:
    from filelock import Timeout

    limit = _lock_timeout()
    # A network file system may answer late, or never.
    line = f"Waiting for the file system to lock {lock.lock_file}"
    late = threading.Timer(LATE, progress.waiting, [line])
    late.daemon = True
    late.start()
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        late.cancel()
        other = _read_text(holder) or "another process"
        if not wait:
            message = f"{other[0].upper()}{other[1:]} is {what}."
            hint = "Leave out --no-wait to wait for it, or try again later."
            raise MlenvError("busy", message, hint) from error
        progress.waiting(f"Waiting up to {limit:g} s for {other}, which is {what}")
        try:
            lock.acquire(timeout=limit)
        except Timeout as error:
            message = f"After {limit:g} s {other} is still {what}."
            hint = "Wait for it to end, then try again."
            raise MlenvError("busy", message, hint) from error
    finally:
        late.cancel()


def _lock_timeout() -> float:
    """Seconds to wait for a lock; raises `MlenvError` where $MLENV_LOCK_TIMEOUT is no number."""
    text = os.environ.get("MLENV_LOCK_TIMEOUT") or str(LOCK_TIMEOUT)
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) < threading.TIMEOUT_MAX:
            return seconds
    raise MlenvError(
        "usage", f"MLENV_LOCK_TIMEOUT={text} is not a number of seconds.", "60 is one."
    )


def _no_locks(path: Path, error: OSError) -> MlenvError:
    return MlenvError(
        "no-locks",
        f"{path} can't be locked: {error.strerror}.",
        "Use a directory on a local file system: one without locks is not safe to change.",
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
