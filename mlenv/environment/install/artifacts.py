"""The very files that a lock comes to on one machine: addresses, sizes, hashes.

uv chooses them, by the rules that it installs by, and writes them down in the format of
PEP 751 (pylock).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from mlenv.environment import uv
from mlenv.environment.lockfile.locks import Lock


@dataclass(frozen=True, slots=True)
class File:
    """One file to install from. `size` in bytes; None where the index gives none."""

    package: str
    version: str
    url: str
    size: int | None
    sha256: str

    @property
    def name(self) -> str:
        return unquote(Path(urlsplit(self.url).path).name)


def of(lock: Lock, python: str, sources: uv.Sources) -> tuple[File, ...]:
    """The files that `python` would install: a wheel each, else the source distribution.

    Raises `MlenvError` where the index offers one that the lock does not name.
    """
    packages = tomllib.loads(uv.pylock(lock.path, python=python, sources=sources))["packages"]
    hashes: dict[tuple[str, str], set[str]] = {}
    for pin in lock.pins:
        hashes.setdefault((canonicalize_name(pin.name), pin.version), set()).update(pin.hashes)
    files = tuple(_file(package) for package in packages)
    for file in files:
        if file.sha256 not in hashes.get((canonicalize_name(file.package), file.version), ()):
            raise uv.failure("hash-mismatch", what=file.name)
    return files


def _file(package: Mapping[str, Any]) -> File:
    [entry, *_] = package.get("wheels") or [package.get("sdist") or package["archive"]]
    sha256 = entry["hashes"].get("sha256", "")
    url = entry.get("url") or Path(entry["path"]).absolute().as_uri()
    return File(package["name"], package["version"], url, entry.get("size"), sha256)


def total(files: Iterable[File]) -> int:
    """The sum of the sizes that are known, in bytes."""
    return sum(file.size or 0 for file in files)
