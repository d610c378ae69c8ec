"""The disk while uv unpacks: it is not filled to the end, and nothing half-unpacked stays on it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LEAST = 100_000_000  # bytes that stay free
_PAUSE = 0.05  # seconds between two looks; a fast disk takes 100 MB in as long


class Watch:
    """A look at the free space of directories while uv runs. `full`: the one that has none left."""

    def __init__(self, *directories: Path) -> None:
        existing = [_existing(each) for each in directories]
        # A small disk, or one that is nearly full already, may be filled to a tenth of its rest.
        self._least = {each: min(LEAST, _free(each) // 10) for each in existing}
        self.full: Path | None = None

    @contextmanager
    def over(self, process: subprocess.Popen[str]) -> Iterator[None]:
        """End `process` where it leaves too little free."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(_PAUSE):
                for directory, least in self._least.items():
                    if _free(directory) < least:
                        self.full = directory
                        process.terminate()
                        return

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def sweep(cache: Path) -> None:
    """Remove what a killed uv had begun to unpack; nothing while another uv uses the cache."""
    try:
        descriptor = os.open(cache / ".lock", os.O_RDWR)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # each uv holds it while it runs
        for pattern in (".tmp*", "*/.tmp*"):
            for folder in cache.glob(pattern):
                if folder.is_dir() and not folder.is_symlink():
                    shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
    finally:
        os.close(descriptor)


def has_other_group(folder: Path) -> bool:
    """Tell if what is made in `folder` gets another group than the user's own, by its setgid bit.

    A link to a file of uv's cache would keep the user's group, and its members could not read it.
    """
    found = folder.stat()
    return bool(found.st_mode & stat.S_ISGID) and found.st_gid != os.getegid()


def is_built(cache: Path, name: str, version: str) -> bool:
    """Tell if uv's cache holds a wheel that was built here from the source of that version.

    uv's own plan says of such a package that it would be fetched.
    """
    return any(cache.glob(f"sdists-v*/**/{name}/{version}/*/*.whl"))


def _free(directory: Path) -> int:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(directory).free
    return LEAST * 10


def _existing(path: Path) -> Path:
    return next((each for each in (path, *path.parents) if each.exists()), path)
