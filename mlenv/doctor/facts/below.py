"""The Python below the environment, against what the environment was made for."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlenv.doctor.facts.target import Interpreter
from mlenv.machine import memory
from mlenv.paths import is_gone

# Limits of a shell that end programs in many ways, and their options of `ulimit`.
_LIMITS = {
    "open files (ulimit -n)": resource.RLIMIT_NOFILE,
    "processes and threads (ulimit -u)": resource.RLIMIT_NPROC,
    "bytes of a file (ulimit -f)": resource.RLIMIT_FSIZE,
}


@dataclass(frozen=True, slots=True)
class Below:
    """Facts from the environment's own files.

    `other_packages`: directories of packages for another Python, where this one has none.
    `elsewhere`: the interpreters that programs of `bin/` name and that are gone, and one of the
    programs for each. `noexec`: its file system maps no code. `address_space`: the bytes that a
    process may have, `memory` those that its control groups allow, None without a limit.
    `limits`: others that this shell sets, by name. `proc`: /proc is mounted.
    `gone`: names and values of pyvenv.cfg that are paths to nothing; `made_for`: its Python's
    version.
    """

    other_packages: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()
    noexec: bool = False
    address_space: int | None = None
    memory: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    proc: bool = True
    gone: tuple[tuple[str, str], ...] = ()
    made_for: str = ""


def read(interpreter: Interpreter, root: Path = Path("/")) -> Below:
    """Look into the environment of this interpreter. `root`: where proc and sys are."""
    prefix = Path(interpreter.prefix)
    below = Below(
        noexec=bool(os.statvfs(prefix).f_flag & os.ST_NOEXEC),
        address_space=_limit(resource.RLIMIT_AS),
        memory=memory.group_limit(root),
        proc=os.path.exists(root / "proc" / "meminfo"),  # noqa: PTH110 (never raises)
        limits={name: most for name, kind in _LIMITS.items() if (most := _limit(kind)) is not None},
    )
    if not (prefix / "pyvenv.cfg").is_file():
        return below
    others: tuple[str, ...] = ()
    if not _has_packages(interpreter.packages):
        folders = map(str, sorted(prefix.glob("lib/python3*/site-packages")))
        others = tuple(place for place in folders if _has_packages(place))
    elsewhere = tuple(dict(_elsewhere(prefix / "bin")).items())
    config = _config(prefix / "pyvenv.cfg")
    paths = ((name, config.get(name, "")) for name in ("home", "executable"))
    return replace(
        below,
        other_packages=others,
        elsewhere=elsewhere,
        gone=tuple((n, path) for n, path in paths if path and is_gone(path)),
        made_for=config.get("version_info") or config.get("version", ""),
    )


def _config(file: Path) -> Mapping[str, str]:
    """The names and values of a pyvenv.cfg, as `site` reads it: `NAME = VALUE`, a line each."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}


def _limit(kind: int) -> int | None:
    limit = resource.getrlimit(kind)[0]
    return None if limit == resource.RLIM_INFINITY else limit


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
        if line.startswith("#!/") and "python" in python and is_gone(python):
            yield python, str(program)
