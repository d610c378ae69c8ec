"""Compare an environment with its lock and with what its wheels name, before it is switched to."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import stat
from collections.abc import Iterator
from importlib.metadata import PathDistribution
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mlenv.environment import launch
from mlenv.environment.lockfile.locks import Lock
from mlenv.machine.children import Child
from mlenv.result import MlenvError

_PROBE = Path(__file__).with_name("import_speech.py")
_TIME_LIMIT = 300.0  # seconds for the first import, which compiles some four thousand modules


_UNPACKED = 2.0  # seconds after a wheel's metadata within which the rest of it was written


class NotWhole(MlenvError):
    """`packages`: the distributions whose files are not those of their wheels."""

    packages: tuple[str, ...] = ()


def check(venv: Path, lock: Lock, installs: tuple[str, ...]) -> None:
    """Raise `NotWhole` unless `venv` holds what it shall.

    `installs`: `name==version` of each distribution that uv installs from `lock` here.
    """
    packages = launch.site_packages(venv)
    problems = list(_problems(packages, installs))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        error = NotWhole(
            "not-whole",
            f"What was installed is not what {lock.path.name} names: {problems[0]}{more}.",
            "Nothing was switched. Try again; if it stays, clear uv's cache: `uv cache clean`.",
        )
        error.packages = tuple(
            _name_and_version(folder)[0]
            for folder in sorted(packages.glob("*.dist-info"))
            if next(_files(packages, folder), None)
        )
        raise error


def _problems(packages: Path, installs: tuple[str, ...]) -> Iterator[str]:
    present = {}
    for folder in sorted(packages.glob("*.dist-info")):
        name, version = _name_and_version(folder)
        present[canonicalize_name(name)] = version
        yield from _files(packages, folder)
    for name, _, version in (text.partition("==") for text in installs):
        here = present.pop(canonicalize_name(name), None)
        if here is None:
            yield f"{name} is missing"
        elif not _same(here, version):
            yield f"{name} is {here}, not {version}"
    for name, version in present.items():
        yield f"{name} {version} is there too"


def _name_and_version(folder: Path) -> tuple[str, str]:
    name, _, version = folder.name.removesuffix(".dist-info").partition("-")
    metadata = PathDistribution(folder).metadata
    return str(metadata["Name"] or name), str(metadata["Version"] or version)


def _same(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _files(packages: Path, folder: Path) -> Iterator[str]:
    """Every file that RECORD names is there, with its size.

    Where a hard link shares it with uv's cache, somebody may have edited it there: what was written
    later than the rest of its wheel is compared by its sha256 too.
    """
    try:
        with (folder / "RECORD").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        unpacked = (folder / "METADATA").stat().st_mtime + _UNPACKED
    except (OSError, UnicodeDecodeError, csv.Error):
        yield f"{folder.name} has no readable RECORD or METADATA"
        return
    for row in rows:
        if len(row) < 3:
            continue
        path, digest, size = row[:3]
        try:
            there = os.stat(packages / path)  # noqa: PTH116 (fast: there are 40,000)
        except (OSError, ValueError):  # ValueError: a NUL, in the RECORD of a stranger's wheel
            yield f"{path} is missing"
            continue
        if not stat.S_ISREG(there.st_mode):
            yield f"{path} is no file"
        elif size and size != str(there.st_size):
            yield f"{path} has {there.st_size} bytes, not {size}"
        elif there.st_mtime > unpacked and digest and not _is(packages / path, digest):
            yield f"{path} is not the file that its wheel holds"


def _is(path: Path, digest: str) -> bool:
    """Compare a file with the digest of a RECORD; other algorithms than sha256 pass."""
    algorithm, _, value = digest.partition("=")
    if algorithm != "sha256":
        return True
    actual = hashlib.sha256(path.read_bytes()).digest()
    return base64.urlsafe_b64encode(actual).rstrip(b"=").decode() == value.rstrip("=")


def imports(venv: Path) -> None:
    """Import what speech programs import, and keep its bytecode.

    Raises `MlenvError` (code `import-fails`) with the error's last line where one fails.
    """
    built = launch.build(venv, os.environ)
    ended = Child(
        [str(built.python), "-I", "-W", "ignore", str(_PROBE)],
        built.applied_to(os.environ),
        _TIME_LIMIT,
    ).ended()
    if ended.exit_code == 0:
        return
    lines = (ended.error or ended.stderr).strip().splitlines()
    reason = lines[-1] if lines else f"it ended with {ended.exit_code}"
    if ended.timed_out:
        reason = f"no end after {_TIME_LIMIT:g} s"
    raise MlenvError(
        "import-fails",
        f"The new environment can't import what it is for: {reason}.",
        "Nothing was switched. `mlenv explain` names the cause of many such errors.",
    )
