"""Files that were hashed before: hashing gigabytes takes seconds, and they rarely change."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlenv.files import write_atomically
from mlenv.paths import cache_dir
from mlenv.result import MlenvError


class Checks:
    """A cache of sha256 sums of files. A changed file is hashed again."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = cache_dir(environ) / "checked-models.json"
        self._seen: dict[str, list[Any]] = {}
        with contextlib.suppress(OSError, ValueError, TypeError):
            self._seen = dict(json.loads(self._path.read_text("utf-8")))
        self._changed = False

    def digest(self, path: Path, *, full: bool = False) -> str:
        """The sha256 of a file. `full` hashes again what was hashed before. Raises OSError."""
        real = path.resolve()
        stat = real.stat()
        known = self._seen.get(str(real))
        if full or known is None or known[:3] != [stat.st_size, stat.st_mtime_ns, stat.st_ino]:
            with real.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            known = [stat.st_size, stat.st_mtime_ns, stat.st_ino, digest]
            self._seen[str(real)] = known
            self._changed = True
        return str(known[3])

    def save(self) -> None:
        """Remember it. Only a shortcut: a cache that can't be written costs time, no more."""
        if not self._changed:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(self._seen))
        except (OSError, MlenvError):
            return
        self._changed = False
