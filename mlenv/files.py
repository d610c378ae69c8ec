"""Files: atomic writes, sha256, and typed records in JSON and TOML."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TypeVar

from mlenv.result import MlenvError

Record = TypeVar("Record")


def decode(
    content: str | bytes, kind: type[Record], place: object, *, toml: bool = False
) -> Record:
    """Decode JSON (or TOML) into the record type `kind`.

    `place`: the file or pipe, for the message. Raises `MlenvError` (code `bad-record`) that
    names the place and the path within it, such as `$.index[0].url`.
    """
    import msgspec

    try:
        if toml:
            return msgspec.toml.decode(content, type=kind)
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MlenvError("bad-record", f"{place} can't be read: {error}.") from error


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Write to a temporary file beside `path`, then rename it into place."""
    data = content.encode() if isinstance(content, str) else content
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                os.fchmod(stream.fileno(), mode)
                stream.flush()
                os.fsync(stream.fileno())  # or a power cut may leave an empty file of that name
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
