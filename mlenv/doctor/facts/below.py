"""The Python below the environment, against what the environment was made for."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlenv.doctor.facts.target import Interpreter


@dataclass(frozen=True, slots=True)
class Below:
    """Facts from the environment's own files.

    `other_packages`: directories of packages for another Python, where this one has none.
    `elsewhere`: the interpreters that programs of `bin/` name and that are gone, and one of the
    programs for each. `noexec`: its file system maps no code. `address_space`: the bytes that a
    process may have, None without a limit.
    """

    other_packages: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()
    noexec: bool = False
    address_space: int | None = None


def read(interpreter: Interpreter) -> Below:
    """Look into the environment of this interpreter."""
    prefix = Path(interpreter.prefix)
    noexec = bool(os.statvfs(prefix).f_flag & os.ST_NOEXEC)
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    space = None if limit == resource.RLIM_INFINITY else limit
    if not (prefix / "pyvenv.cfg").is_file():
        return Below(noexec=noexec, address_space=space)
    others: tuple[str, ...] = ()
    if not _has_packages(interpreter.packages):
        folders = map(str, sorted(prefix.glob("lib/python3*/site-packages")))
        others = tuple(place for place in folders if _has_packages(place))
    return Below(others, tuple(dict(_elsewhere(prefix / "bin")).items()), noexec, space)


def _has_packages(folder: str) -> bool:
    try:
        return any(name.endswith(".dist-info") for name in os.listdir(folder))  # noqa: PTH208
    except OSError:
        return False


def _elsewhere(programs: Path) -> Iterator[tuple[str, str]]:
    """Interpreters in the first lines of programs that are gone."""
    for program in sorted(programs.iterdir(), reverse=True):
        if program.is_symlink() or not program.is_file():
            continue
        with program.open("rb") as content:
            first = content.read(400)
        line = first.partition(b"\n")[0].decode("utf-8", "surrogateescape")
        python = line.removeprefix("#!").strip().partition(" ")[0]
        if line.startswith("#!/") and "python" in python and not os.path.exists(python):  # noqa: PTH110
            yield python, str(program)
