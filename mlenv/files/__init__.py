"""Files: atomic writes, sha256, bounded reads, typed records in JSON and TOML."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

from mlenv.result import MlenvError

MOST = 50_000_000  # bytes of a record, a profile, a lock, a snapshot

Record = TypeVar("Record")


def decode(
    content: str | bytes,
    kind: type[Record],
    place: object,
    *,
    toml: bool = False,
    code: str = "bad-record",
) -> Record:
    """Decode JSON (or TOML) into the record type `kind`.

    `place`: the file or pipe, for the message. Raises `MlenvError` with `code` that names the
    place and the path within it, such as `$.index[0].url`.
    """
    import msgspec  # late: hot paths read no records

    try:
        if toml:
            return msgspec.toml.decode(content, type=kind)
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MlenvError(code, f"{place} can't be read: {error}.") from error


def stays_below(name: str) -> bool:
    """Tell if a name from somebody else's file stays below the directory that it is joined to."""
    parts = name.split("/")
    return "\0" not in name and all(part and not part.startswith(".") for part in parts)


def check_schema(schema: object, newest: int, place: object) -> None:
    """Raise `MlenvError` for a record with a later schema than this mlenv knows."""
    if not isinstance(schema, int) or schema > newest:
        raise MlenvError(
            "bad-record",
            f"{place} was written by a later version of mlenv (schema {schema}, "
            f"this one reads up to {newest}).",
            "Update mlenv.",
        )


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o644) -> None:
    """Write to a temporary file beside `path`, then rename it into place."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.parent not in _swept:  # once: a folder may hold a million transcripts
            _sweep(path.parent, _NEW_FILE)
            _swept.add(path.parent)
        handle, temporary = _new_file(path.parent)
        with os.fdopen(handle, "wb") as stream:
            try:
                stream.write(data)
                os.fchmod(stream.fileno(), mode)
                stream.flush()
                os.fsync(stream.fileno())  # or a power cut may leave an empty file of that name
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise MlenvError("not-writable", f"{path} can't be written: {error.strerror}.") from error


def check_writable(path: Path) -> None:
    """Raise `MlenvError` where a file can't be written; what stands there stays as it is."""
    if path.exists() and not path.is_file():
        what = "is a directory" if path.is_dir() else "is no regular file"
        raise MlenvError("not-writable", f"{path} {what}.", "Name a file to write.")
    try:
        handle, temporary = _new_file(path.parent)
        os.close(handle)
        temporary.unlink(missing_ok=True)
    except OSError as error:
        raise MlenvError("not-writable", f"{path} can't be written: {error.strerror}.") from error


@contextlib.contextmanager
def temporary_directory() -> Iterator[str]:
    """A directory for the block. What killed processes of mlenv left of this kind is removed."""
    remove_leftovers()
    while True:
        with tempfile.TemporaryDirectory(prefix=_NEW_FOLDER, ignore_cleanup_errors=True) as folder:
            try:
                descriptor = os.open(folder, os.O_RDONLY)
            except FileNotFoundError:  # another process took it for a leftover already
                continue
            try:
                if _held(descriptor, Path(folder)):
                    yield folder
                    return
            finally:
                os.close(descriptor)


def remove_leftovers() -> None:
    """Remove the temporary directories that killed processes of mlenv left."""
    _sweep(Path(tempfile.gettempdir()), _NEW_FOLDER)


_NEW_FILE = ".mlenv-new-"  # short: names may be 255 bytes
_NEW_FOLDER = "mlenv-run-"
_swept: set[Path] = set()  # folders that this process has looked through for leftovers


def _new_file(folder: Path) -> tuple[int, Path]:
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=_NEW_FILE)
        if _held(handle, Path(name)):
            return handle, Path(name)
        os.close(handle)


def _held(descriptor: int, path: Path) -> bool:
    """Lock what was just made; False where another process took it for a leftover meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # without locks nothing is swept
    return is_at(descriptor, path)


def _sweep(folder: Path, beginning: str) -> None:
    """Remove what has a name of that kind and is locked by nobody: its maker was killed."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            is_own = entry.name.startswith(beginning) and _is_own(entry)
            if is_own and (descriptor := lock_unless_held(entry.path)) is not None:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink(missing_ok=True)
                os.close(descriptor)


def _is_own(entry: os.DirEntry[str]) -> bool:
    return entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def lock_unless_held(path: str | os.PathLike[str]) -> int | None:
    """Lock a file or directory; None if that can't be, as where another process holds it.

    A leftover may be removed while its lock is held by the descriptor that is returned.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def make_directory(path: Path) -> None:
    """Make a directory and those above it; raises `MlenvError` where that can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MlenvError("not-writable", f"{path} can't be made: {error.strerror}.") from error


def owner(path: Path) -> str:
    """The name of a file's owner, or the user's number where that has no name."""
    try:
        return path.owner()
    except (KeyError, OSError):
        return f"user {path.lstat().st_uid}"


def opened(path: Path) -> BufferedReader:
    """Open a file to read it; raises `OSError` for a pipe or a device, which might never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        reason = os.strerror(number) if stat.S_ISDIR(mode) else "it is a pipe or a device"
        raise OSError(number, reason, os.fspath(path))
    return os.fdopen(descriptor, "rb")


def read_bytes(path: Path) -> bytes:
    """The content of a file of at most `MOST` bytes; raises `OSError` for anything else."""
    with opened(path) as stream:
        content = stream.read(MOST + 1)
    if len(content) > MOST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))
    return content


def read_text(path: Path) -> str:
    """The text of such a file; raises `UnicodeDecodeError` too."""
    return read_bytes(path).decode("utf-8").replace("\r\n", "\n")


def why(error: OSError | UnicodeDecodeError) -> str:
    """The reason why a file can't be read, without its path."""
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not text"


def sha256(path: Path) -> str | None:
    """The sha256 of a file, in hexadecimal; None if it can't be read."""
    try:
        with opened(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def is_at(descriptor: int | None, path: Path) -> bool:
    """Tell if an open file is still the one at `path`: somebody may have removed that."""
    try:
        return descriptor is not None and os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
