"""What wheels hold, before they are unpacked: bombs, and whatever leads out, are refused."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from mlenv.environment import download, uv
from mlenv.environment.install import artifacts
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.uv.failures import UNSAFE_WHEEL, unsafe_wheel
from mlenv.result import MlenvError

# Wheels of libraries shrink to a fifth at best; zeros to a thousandth.
_MOST_TIMES, _FROM = 100, 1_000_000_000
_TAIL = 4_000_000  # bytes: the directory of a zip file is at its end, torch's has 1.5 MB
_WHOLE = 50_000_000  # bytes of a wheel that is fetched where a server gives no parts


def check(folder: Path) -> None:
    """Raise `MlenvError` for a wheel in `folder` that holds what no wheel should."""
    for path in sorted(folder.glob("*.whl")):
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
            continue  # uv says what is wrong with it
        if outside := _outside(entry.filename for entry in entries):
            raise unsafe_wheel(outside, path.name)
        packed, unpacked = path.stat().st_size, sum(entry.file_size for entry in entries)
        if unpacked > max(_FROM, packed * _MOST_TIMES):
            raise MlenvError(
                UNSAFE_WHEEL,
                f"The wheel {path.name} has {packed / 1e6:.1f} MB and would unpack to "
                f"{unpacked / 1e9:.1f} GB: it is made to fill a disk.",
                "Nothing was unpacked. Don't use it: tell who made it.",
            )


def damaged(error: uv.UvError, folder: Path) -> MlenvError:
    """The error for a wheel of a bundle that is not as the bundle was made; others unchanged."""
    if error.code not in ("broken-download", "hash-mismatch"):
        return error
    package = error.message.partition(" ")[0]
    return MlenvError(
        "broken-bundle",
        f"{package} in the bundle at {folder.parent} is not the file that its lock names.",
        "It was damaged on its way, or changed. Nothing was changed here. Copy the bundle again.",
    )


def refusal(error: uv.UvError, lock: Lock, python: str, sources: uv.Sources) -> MlenvError:
    """The error for a wheel that uv has left something out of, with the wheel's name.

    uv's cache forgets that wheel, or all of the lock where it is not found: it would be installed
    from there without a word.
    """
    try:
        files = artifacts.of(lock, python, sources)
        addresses = [*filter(None, (sources.default, *sources.extra))]
        for file in sorted(files, key=lambda file: file.size or 0):
            if outside := _outside(_names(file, addresses)):
                uv.forget([file.package])
                return unsafe_wheel(outside, file.name)
    except MlenvError:
        pass
    uv.forget(sorted({pin.name for pin in lock.pins}))
    return error


def _names(file: artifacts.File, addresses: Iterable[str]) -> list[str]:
    """The names in a wheel on a server; none where they can't be had."""
    try:
        end = download.end_of(file.url, _TAIL, _WHOLE, addresses)
        with zipfile.ZipFile(io.BytesIO(end)) as archive:
            return archive.namelist()
    except (download.DownloadError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return []


def _outside(names: Iterable[str]) -> list[str]:
    """The names that lead above or beside the directory in which a wheel is unpacked."""
    return [name for name in names if _leads_out(name)]


def _leads_out(name: str) -> bool:
    depth = 0
    for part in name.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return True
    return name.startswith("/")
