"""Files that were hashed before: hashing gigabytes takes seconds, and they rarely change."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mlenv.files import decode, read_bytes, write_atomically
from mlenv.paths import cache_dir
from mlenv.result import MlenvError

_Sum = tuple[int, int, int, str]  # size in bytes, mtime in ns, inode, sha256


class Checks:
    """A cache of sha256 sums of files. A changed file is hashed again."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = cache_dir(environ) / "checked-models.json"
        self._sums: dict[str, _Sum] = {}
        with contextlib.suppress(OSError, MlenvError):
            self._sums = decode(read_bytes(self._path), dict[str, _Sum], self._path)
        self._changed = False

    def digest(self, path: Path, *, full: bool = False) -> str:
        """The sha256 of a file. `full` hashes again what was hashed before. Raises OSError."""
        real = path.resolve()
        stat = real.stat()
        identity = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        entry = self._sums.get(str(real))
        if full or entry is None or entry[:3] != identity:
            with real.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            entry = self._sums[str(real)] = (*identity, digest)
            self._changed = True
        return entry[3]

    def save(self) -> None:
        """Remember it. Only a shortcut: a cache that can't be written costs time, no more."""
        if not self._changed:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, msgspec.json.encode(self._sums))
        except (OSError, MlenvError):
            return
        self._changed = False
