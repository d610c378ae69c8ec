"""The place of transcripts and of their records: a directory here, or one that fleet reaches."""

from __future__ import annotations

import contextlib
import os
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from mlenv import files
from mlenv.result import MlenvError


class Folder(Protocol):
    """Reads and writes the files of one output directory, which `path` names throughout."""

    path: Path

    def check(self) -> None:
        """Raise `MlenvError` where nothing can be written, before any work is done."""

    def same_name(self) -> Callable[[Path], str]:
        """A function that is equal for names that are one file there."""

    def shown(self, path: Path) -> str:
        """A file's name for people."""

    def exists(self, path: Path) -> bool:
        """Tell if there is such a file."""

    def has_content(self, path: Path) -> bool:
        """Tell if there is such a file, and it is not empty."""

    def content(self, path: Path) -> bytes | None:
        """The content of a record; None where there is none, or none that can be read."""

    def sha256(self, path: Path) -> str | None:
        """The sha256 of a file; None where there is none, or none that can be read."""

    def write(self, path: Path, content: str | bytes) -> None:
        """Write a file whole or not at all; raises `MlenvError`."""

    def set_aside(self, path: Path) -> Path:
        """Give a file that is not mlenv's another name; returns that. Raises `MlenvError`."""


class LocalFolder:
    """A directory of this machine."""

    def __init__(self, path: Path = Path()) -> None:
        self.path = path

    def check(self) -> None:
        """Make the directory and try it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise MlenvError(
                "not-writable",
                f"Nothing can be written to {self.path}: {error.strerror}.",
                "Name another directory with --output-dir.",
            ) from error

    def same_name(self) -> Callable[[Path], str]:
        """Some file systems take capital letters for small ones, or accents in both forms."""
        case = form = False
        accent = os.fsdecode(".mlenv-\N{LATIN SMALL LETTER E WITH ACUTE}".encode())
        with (
            contextlib.suppress(OSError),
            tempfile.NamedTemporaryFile(dir=self.path, prefix=accent) as probe,
        ):
            name = Path(probe.name)
            case = name.with_name(name.name.upper()).exists()
            apart = unicodedata.normalize("NFD", os.fsencode(name.name).decode())
            form = name.with_name(os.fsdecode(apart.encode())).exists()

        def same(path: Path) -> str:
            name = unicodedata.normalize("NFC", str(path)) if form or case else str(path)
            return name.casefold() if case else name

        return same

    def shown(self, path: Path) -> str:
        """Its path, whatever bytes are in it."""
        return os.fsencode(path).decode("utf-8", "replace")

    def exists(self, path: Path) -> bool:
        return path.exists()

    def has_content(self, path: Path) -> bool:
        try:
            return path.is_file() and path.stat().st_size > 0
        except OSError:
            return False

    def content(self, path: Path) -> bytes | None:
        try:
            return files.read_bytes(path)
        except OSError:
            return None

    def sha256(self, path: Path) -> str | None:
        return files.sha256(path)

    def write(self, path: Path, content: str | bytes) -> None:
        files.make_directory(path.parent)
        files.write_atomically(path, content)

    def set_aside(self, path: Path) -> Path:
        number = 1
        while (place := path.with_name(aside(path.name, number))).exists():
            number += 1
        try:
            return path.rename(place)
        except OSError as error:
            message = f"{path} is not mlenv's and can't be renamed: {error.strerror}."
            raise MlenvError("not-writable", message) from error


def aside(name: str, number: int) -> str:
    """The name of a file that was set aside, where `number` - 1 are there already."""
    return f"{name}.old{number if number > 1 else ''}"
