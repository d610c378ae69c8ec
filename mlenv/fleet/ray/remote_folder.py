"""An output directory at an address, where transcripts and their records are read and written."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from mlenv.fleet.ray.addresses import REFUSED, Objects, path_of, shown
from mlenv.result import MlenvError
from mlenv.speech.transcribe.folder import aside
from mlenv.speech.transcribe.inputs import RECORDS

MOST = 50_000  # records that are kept in memory, of about a thousand bytes each


class RemoteFolder:
    """An output directory at an address: see `speech.transcribe.folder.Folder`.

    What is there is asked once: nobody else is expected to write to it meanwhile.
    """

    def __init__(self, address: str, objects: Objects) -> None:
        self.path = path_of(shown(address))
        self._address, self._objects = address.rstrip("/"), objects
        self._names: set[str] | None = None
        self._contents: dict[Path, bytes] = {}  # of records: they are asked for more than once

    def check(self) -> None:
        try:
            self._objects.ask("try_to_write", self._address)
        except MlenvError as error:
            if error.code in REFUSED:
                raise
            message = f"Nothing can be written to {shown(self._address)}: "
            reason = error.message.partition(" can't be used: ")[2] or error.message
            hint = "Name another with --output-dir."
            raise MlenvError("not-writable", message + reason, hint) from error

    def same_name(self) -> Callable[[Path], str]:
        return str

    def shown(self, path: Path) -> str:
        return f"{shown(self._address)}/{self._place(path)}"

    def exists(self, path: Path) -> bool:
        if self._names is None:
            self._names = set(self._objects.ask("names", self._address))
        return self._place(path) in self._names

    def has_content(self, path: Path) -> bool:
        return bool(self.content(path))

    def content(self, path: Path) -> bytes | None:
        if not self.exists(path):
            return None
        if path not in self._contents:
            content = base64.b64decode(self._objects.ask("read", self._at(path)))
            if RECORDS not in path.parts:
                return content
            if len(self._contents) == MOST:
                self._contents.clear()
            self._contents[path] = content
        return self._contents[path]

    def sha256(self, path: Path) -> str | None:
        content = self.content(path)
        return None if content is None else hashlib.sha256(content).hexdigest()

    def write(self, path: Path, content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        try:
            self._objects.ask("write", self._at(path), content=base64.b64encode(data).decode())
        except MlenvError as error:
            message = error.message.replace("can't be used", "can't be written", 1)
            raise MlenvError("not-writable", message, error.hint) from error
        if self._names is not None:
            self._names.add(self._place(path))
        self._contents.pop(path, None)

    def set_aside(self, path: Path) -> Path:
        number = 1
        while self.exists(place := path.with_name(aside(path.name, number))):
            number += 1
        self._objects.ask("move", self._at(path), to=self._at(place))
        return place

    def _place(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()

    def _at(self, path: Path) -> str:
        return f"{self._address}/{self._place(path)}"


def is_plain(address: str) -> bool:
    """Tell if files can be named below an address: it is no chain, and asks for nothing."""
    return "::" not in address and "?" not in address
