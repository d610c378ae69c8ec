"""The exact files (URL, size, sha256) that a lock selects for one interpreter and platform.

uv selects them, by the rules that it installs by, and writes them in the format of PEP 751
(pylock).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from packaging.utils import canonicalize_name

from mlenv.environment import uv
from mlenv.environment.lockfile.locks import Lock
from mlenv.files import decode


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
        """The file's name, from its URL."""
        return unquote(Path(urlsplit(self.url).path).name)


class _Source(Struct, frozen=True):
    """A wheel, a source distribution or an archive in a pylock document."""

    url: str = ""
    path: str = ""
    size: int | None = None
    hashes: dict[str, str] = {}


class _Package(Struct, frozen=True):
    name: str
    version: str = ""
    wheels: tuple[_Source, ...] = ()
    sdist: _Source | None = None
    archive: _Source | None = None


class _Pylock(Struct, frozen=True):
    packages: tuple[_Package, ...] = ()


def of(lock: Lock, python: str, sources: uv.Sources) -> tuple[File, ...]:
    """The files that `python` would install: a wheel each, else the source distribution.

    Raises `MlenvError` where the index offers one that the lock does not name.
    """
    text = uv.pylock(lock.path, python=python, sources=sources)
    packages = decode(text, _Pylock, "uv's pylock document", toml=True).packages
    hashes: dict[tuple[str, str], set[str]] = {}
    for pin in lock.pins:
        hashes.setdefault((canonicalize_name(pin.name), pin.version), set()).update(pin.hashes)
    files = tuple(_file(package) for package in packages)
    for file in files:
        if file.sha256 not in hashes.get((canonicalize_name(file.package), file.version), ()):
            raise uv.failure("hash-mismatch", what=file.name)
    return files


def _file(package: _Package) -> File:
    source = next(iter(package.wheels), None) or package.sdist or package.archive or _Source()
    url = source.url or Path(source.path).absolute().as_uri()
    return File(package.name, package.version, url, source.size, source.hashes.get("sha256", ""))


def total(files: Iterable[File]) -> int:
    """The sum of the known sizes, in bytes."""
    return sum(file.size or 0 for file in files)
