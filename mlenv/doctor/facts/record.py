"""Installed files, compared with what the RECORD of each distribution says of them.

RECORD (the recording installed projects specification) has a row for each file: its name relative
to site-packages, its sha256, its size. Libraries must begin as ELF files of this processor do, and
extension modules have a name that this Python looks for.
"""

from __future__ import annotations

import csv
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# What may be taken away without harm: tests, stubs, headers, texts, compiled modules.
_SPARE_FOLDERS = ("/tests/", "/test/", "/docs/", "/examples/", "/include/", "/share/")
_SPARE_NAMES = (".pyi", ".h", ".hpp", ".cuh", ".md", ".rst", ".pyx", ".pxd", ".c", ".cpp")
# An extension module for one Python, by its name: module, Python.
_FOR_ONE_PYTHON = re.compile(r"(.*/[^/.]+|[^/.]+)(\.(?:cpython-\d|pypy\d)[^/]*\.so)")
_KEPT_OF_METADATA = ("METADATA", "entry_points.txt")

FOREIGN = "for another Python"


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not as its RECORD says.

    `what`: `missing`, `empty`, `truncated`, `changed`, `unreadable`, what is in its place,
    FOREIGN, or `left over beside` another version (a dist-info).
    """

    file: str
    owner: str
    what: str
    expected_size: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """One file that two distributions installed with different contents."""

    file: str
    owners: tuple[str, ...]


class Look:
    """A look at the files of one distribution after the other; `result` has what it saw.

    `suffixes`: how names of this Python's extension modules may end; none where not known.
    """

    def __init__(
        self, processor: bytes, suffixes: Sequence[str], *, quick: bool, hashes: bool
    ) -> None:
        self._processor = processor
        self._suffixes = suffixes
        self._quick = quick
        self._hashes = hashes
        self._damages: list[Damage] = []
        self._first: dict[str, tuple[str, str]] = {}  # the owner of each file, and its digest
        self._clashes: dict[str, tuple[str, ...]] = {}
        self._bytes = 0

    def at(self, info: Path, owner: str) -> int:
        """Compare the files of the distribution whose dist-info is `info`.

        Returns the bytes in those files that were looked at.
        """
        place = str(info.parent)
        metadata = f"{info}/METADATA"
        if not os.access(metadata, os.R_OK):
            closed = not os.access(info, os.R_OK | os.X_OK) or os.path.exists(metadata)  # noqa: PTH110
            self._damages.append(Damage(metadata, owner, "unreadable" if closed else "missing"))
            if closed:
                return 0
        # NVIDIA's wheels share empty modules, and any of them may take those away.
        shares = owner.startswith("nvidia-")
        modules: dict[str, set[str]] = {}
        before_it = self._bytes
        for name, digest, size in _rows(info, ".so" if self._quick else ""):
            file = f"{place}/{name}"
            if ".." in name:
                file = os.path.normpath(file)
            if digest:
                before, other = self._first.setdefault(file, (owner, digest))
                if other != digest:
                    self._clashes[file] = (*self._clashes.get(file, (before,)), owner)
            if (shares and size == 0) or (file == metadata and not os.access(file, os.R_OK)):
                continue
            if damage := self._damage(file, owner, digest, size):
                self._damages.append(damage)
            elif self._suffixes and (match := _FOR_ONE_PYTHON.fullmatch(file)):
                modules.setdefault(match[1], set()).add(match[2])
        for module, ends in modules.items():  # some wheels bring one for each Python
            others = (module + end for end in self._suffixes)
            if ends.isdisjoint(self._suffixes) and not any(map(os.path.exists, others)):
                self._damages.append(Damage(module + min(ends), owner, FOREIGN))
        return self._bytes - before_it

    def result(self) -> tuple[tuple[Damage, ...], tuple[Clash, ...]]:
        """Damages, but for files of which two distributions say something else; and those."""
        damages = tuple(d for d in self._damages if d.file not in self._clashes)
        return damages, tuple(Clash(file, owners) for file, owners in self._clashes.items())

    def _damage(self, file: str, owner: str, digest: str, size: int | None) -> Damage | None:
        try:
            there = os.stat(file)  # noqa: PTH116 (tens of thousands of them)
        except PermissionError:
            return Damage(file, owner, "unreadable", size)
        except OSError:
            return None if _is_spare(file) else Damage(file, owner, "missing", size)
        self._bytes += there.st_size
        what = ""
        if size is not None and there.st_size != size:
            what = "truncated" if there.st_size < size else "changed"
            what = what if there.st_size else "empty"
        elif not there.st_mode & stat.S_IROTH and not os.access(file, os.R_OK):
            what = "unreadable"
        elif size and ".so" in file and _is_library(file):
            what = self._instead(file)
        if not what and self._hashes and digest and _digest(file) != digest:
            what = "changed"
        return Damage(file, owner, what, size, there.st_size) if what else None

    def _instead(self, file: str) -> str:
        """Describe a file that is no library for this processor; empty if it is one."""
        head = _head(file)
        if not head.startswith((b"\x7fELF", b"/*", b"INPUT", b"GROUP")):  # or a linker's script
            return "no library"
        other = self._processor and head[:4] == b"\x7fELF" and head[18:20] != self._processor
        return "for another processor" if other else ""


def processor(executable: str) -> bytes:
    """The processor that an ELF file is for (`e_machine`); empty where it is none."""
    head = _head(executable)
    return head[18:20] if head.startswith(b"\x7fELF") else b""


def _is_library(file: str) -> bool:
    name = file.rpartition("/")[2]
    return name.endswith(".so") or ".so." in name


def _is_spare(file: str) -> bool:
    """Tell if nothing fails without that file."""
    folder, _, name = file.rpartition("/")
    if folder.endswith(".dist-info") or ".dist-info/" in folder:
        return name not in _KEPT_OF_METADATA
    return name.endswith(_SPARE_NAMES) or any(part in file for part in _SPARE_FOLDERS)


def _rows(info: Path, part: str) -> Iterator[tuple[str, str, int | None]]:
    """The rows of RECORD with `part`: name relative to site-packages, digest, bytes."""
    try:
        with (info / "RECORD").open(encoding="utf-8", errors="replace", newline="") as lines:
            for row in csv.reader(line for line in lines if part in line):
                if len(row) == 3 and not row[0].endswith(".pyc"):
                    yield row[0], row[1], int(row[2]) if row[2].isdigit() else None
    except (OSError, csv.Error):
        return


def _head(file: str) -> bytes:
    try:
        with open(file, "rb", buffering=0) as content:  # noqa: PTH123
            return content.read(20)
    except OSError:
        return b""


def _digest(file: str) -> str:
    """The digest in the form of RECORD: `sha256=` and urlsafe base64 without padding."""
    import base64
    import hashlib

    try:
        with open(file, "rb") as content:  # noqa: PTH123
            digest = hashlib.file_digest(content, "sha256").digest()
    except OSError:
        return ""
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
