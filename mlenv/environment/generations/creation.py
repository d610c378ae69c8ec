"""Make one generation: a complete venv, copies of its profile and lock, and at last its record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from mlenv import __version__
from mlenv.environment.generations import PROFILE, RECORD, SCHEMA, Generation, read, store
from mlenv.environment.generations.contents import distributions, libraries
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import Profile
from mlenv.files import sha256, write_atomically


def next_path(venv: Path, profile: Profile, lock: Lock) -> Path:
    """The directory of the next generation. The numbers only grow."""
    folder = store(venv) / "generations"
    return folder / f"{max(_numbers(folder), default=0) + 1:03d}-{profile.name}-{lock.sha256[:8]}"


def _numbers(folder: Path) -> Iterator[int]:
    for path in folder.glob("*-*"):
        number = path.name.partition("-")[0]
        if number.isdecimal():
            yield int(number)


def create(
    venv: Path,
    profile: Profile,
    lock: Lock,
    fill: Callable[[Path], None],
    *,
    own: bool = False,
) -> Generation:
    """Make a generation: `fill` puts a complete venv at the path it is given.

    Whatever stops `fill`, the directory goes away and nothing else has changed. `own`: the
    profile is the user's, and the copy in the generation is the only one.
    """
    path = next_path(venv, profile, lock)
    copies = path / PROFILE
    profile_path, lock_path = profile.path, lock.path
    if own:
        profile_path, lock_path = (copies / f"{profile.name}{end}" for end in (".toml", ".txt"))
    origin = "own" if own else "shipped" if profile.is_shipped else "file"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fill(path)
        copies.mkdir(exist_ok=True)
        write_atomically(copies / f"{profile.name}.toml", profile.path.read_bytes())
        write_atomically(copies / f"{profile.name}.txt", lock.text)
        record = {
            "schema": SCHEMA,
            "number": int(path.name.partition("-")[0]),
            "profile": profile.name,
            "profile_path": os.fspath(profile_path),
            "profile_sha256": sha256(profile.path),
            "lock_path": os.fspath(lock_path),
            "lock_sha256": lock.sha256,
            "python": os.fspath((path / "bin" / "python").resolve()),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "mlenv": __version__,
            "distributions": list(distributions(path)),
            "libraries": libraries(path),
            "origin": origin,
        }
        write_atomically(path / RECORD, json.dumps(record, indent=1) + "\n")
        flush(path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    made = read(path)
    assert made is not None
    return made


def flush(path: Path) -> None:
    """Write the file system of `path` to its disk, so that a power cut is no worse than a kill."""
    import ctypes  # a Python may be built without it, and nothing else here needs it

    syncfs = getattr(ctypes.CDLL(None), "syncfs", None)  # Linux, syncfs(2)
    if syncfs is None:
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        syncfs(descriptor)
    finally:
        os.close(descriptor)
