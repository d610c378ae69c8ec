"""Files: written so that nobody ever sees half of one, known by their sha256."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from mlenv.result import MlenvError


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Write to a temporary file beside `path`, then rename it into place."""
    data = content.encode() if isinstance(content, str) else content
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                os.fchmod(stream.fileno(), mode)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MlenvError("not-writable", f"{path} can't be written: {error.strerror}.") from error


def sha256(path: Path) -> str | None:
    """The sha256 of a file, in hexadecimal; None if it can't be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
