"""Files of mlenv's own, and blocks of its own in files of the user's.

A block stands between two marks; all around it stays as it was, byte for byte, while the block
is there and after it is gone.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from mlenv.environment.launchers.launcher import ABSENT, INSTALLED, OUTDATED, Shim
from mlenv.files import write_atomically
from mlenv.result import MlenvError

MARK = "Made by mlenv"


def read(path: Path) -> str:
    """The text of a user's file, every byte of it kept; empty where there is none."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise MlenvError("not-readable", f"{path} can't be read: {error.strerror}.") from error


def write(path: Path, text: str) -> None:
    """Replace a file whole, keeping its mode; a link stays one, and its target is written."""
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MlenvError(
            "not-writable", f"{target.parent} can't be made: {error.strerror}."
        ) from error
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    write_atomically(target, text.encode("utf-8", "surrogateescape"), mode=mode)


def is_ours(path: Path) -> bool:
    """Tell if mlenv wrote this whole file: its first lines say so."""
    return MARK in read(path)[:400]


def install_file(path: Path, text: str) -> Shim:
    """Write a file that is all mlenv's; raises `MlenvError` where somebody else's is there."""
    if path.exists() and not is_ours(path):
        raise MlenvError(
            "not-ours",
            f"{path} is there already, and mlenv did not write it.",
            "Move it away, or put what is needed into it by hand: see docs/how-to/launchers.md.",
        )
    changed = read(path) != text
    if changed:
        write(path, text)
    return Shim(INSTALLED, (path,), changed)


def remove_file(path: Path) -> Shim:
    """Remove a file that is mlenv's."""
    if not path.is_file() or not is_ours(path):
        return Shim(ABSENT)
    path.unlink()
    return Shim(ABSENT, (path,), changed=True)


def remove_empty(*folders: Path) -> None:
    """Remove those of the directories that are empty, in this order.

    Also where their files went before: what removed them may have been cut off.
    """
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def look_at_file(path: Path, text: str) -> Shim:
    if not path.is_file() or not is_ours(path):
        return Shim(ABSENT)
    return Shim(INSTALLED if read(path) == text else OUTDATED, (path,))


@dataclass(frozen=True, slots=True)
class Block:
    """mlenv's block in a file whose comments begin with `comment`."""

    comment: str = "#"

    @property
    def begin(self) -> str:
        return f"{self.comment} >>> mlenv"

    @property
    def end(self) -> str:
        return f"{self.comment} <<< mlenv <<<\n"

    def find(self, path: Path, text: str) -> tuple[int, int] | None:
        """The position of the block, with its marks."""
        start = text.find(self.begin)
        if start < 0:
            return None
        start = text.rfind("\n", 0, start) + 1  # the mark may be indented
        end = text.find(self.end, start)
        if end < 0:
            raise MlenvError(
                "broken-block",
                f"{path} has the line `{self.begin}` but not the one that ends mlenv's block.",
                "Remove what is left of the block by hand, then try again.",
            )
        return start, end + len(self.end)

    def text(self, body: str, *, new_file: bool, indent: str = "") -> str:
        """The block; it remembers whether mlenv made the file."""
        made = " made this file" if new_file else ""
        lines = [f"{self.begin}{made} >>>", *body.splitlines(), self.end.rstrip("\n")]
        return "".join(f"{indent}{line}\n" for line in lines)

    def install(self, path: Path, body: str) -> Shim:
        """Put the block at the top of the file, or bring it up to date where it is."""
        text = read(path)
        if span := self.find(path, text):
            start, end = span
            old = text[start:end]
            new = self.text(body, new_file=self._made(old))
            if old == new:
                return Shim(INSTALLED, (path,))
            write(path, text[:start] + new + text[end:])
        else:
            write(path, self.text(body, new_file=not path.exists()) + text)
        return Shim(INSTALLED, (path,), changed=True)

    def remove(self, path: Path) -> Shim:
        """Take the block out; the file goes if mlenv made it and nothing else is in it."""
        text = read(path)
        span = self.find(path, text)
        if span is None:
            return Shim(ABSENT)
        start, end = span
        rest = text[:start] + text[end:]
        if not rest and self._made(text[start:end]):
            path.unlink()
        else:
            write(path, rest)
        return Shim(ABSENT, (path,), changed=True)

    def look(self, path: Path, body: str) -> Shim:
        text = read(path)
        span = self.find(path, text)
        if span is None:
            return Shim(ABSENT)
        old = text[slice(*span)]
        same = old == self.text(body, new_file=self._made(old))
        return Shim(INSTALLED if same else OUTDATED, (path,))

    def _made(self, block: str) -> bool:
        return block.lstrip().startswith(f"{self.begin} made this file")
