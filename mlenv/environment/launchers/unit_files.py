"""Variables that the files of a systemd unit set: systemd.unit(5), systemd.exec(5)."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlenv.environment.launchers import owned

_TIME_LIMIT = 5.0  # seconds for systemctl


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of a variable in a unit's environment, and the file that sets it."""

    value: str
    file: Path


def of_unit(unit: str, folders: Sequence[Path], *, system: bool) -> tuple[Path, ...]:
    """The unit's own file, then its drop-ins in systemd's order; empty if there is no such unit.

    The running systemd is asked first; where it does not answer or does not know the unit yet,
    `folders` are searched (earlier ones win).
    """
    return _from_systemd(unit, system) or _from_folders(unit, folders)


def _from_systemd(unit: str, system: bool) -> tuple[Path, ...]:
    scope = () if system else ("--user",)
    argv = ("systemctl", *scope, "show", "-p", "FragmentPath", "-p", "DropInPaths", "--", unit)
    if not shutil.which(argv[0]):
        return ()
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIME_LIMIT)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    properties = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    if done.returncode or not properties.get("FragmentPath"):
        return ()
    return (Path(properties["FragmentPath"]), *map(Path, properties.get("DropInPaths", "").split()))


def _from_folders(unit: str, folders: Sequence[Path]) -> tuple[Path, ...]:
    fragment = next((folder / unit for folder in folders if (folder / unit).is_file()), None)
    if fragment is None:
        return ()
    drop_ins: dict[str, Path] = {}
    for folder in folders:
        for file in (folder / f"{unit}.d").glob("*.conf"):
            drop_ins.setdefault(file.name, file)
    return (fragment, *(drop_ins[name] for name in sorted(drop_ins)))


def setting(name: str, files: Sequence[Path], home: Path) -> Setting | None:
    """Look up the variable `name` in `files` (see `of_unit`), without mlenv's own drop-in."""
    variables: dict[str, Setting] = {}
    environment_files: list[Path] = []
    for file in files:
        if owned.is_ours(file):
            continue
        for key, raw in _assignments(owned.read(file)):
            text = raw.replace("%h", str(home)).replace("%%", "%")
            if key == "EnvironmentFile":  # these win over every Environment=
                environment_files = [*environment_files, Path(text.lstrip("-"))] if text else []
            elif text:
                variables |= _pairs(text, file)
            else:
                variables.clear()
    for path in environment_files:
        if path.is_file():
            for line in owned.read(path).splitlines():
                variables |= _pairs(line, path)
    return variables.get(name)


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """`Environment=` and `EnvironmentFile=` of the section [Service], in order."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("#", ";"))]
    section = ""
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip().startswith("["):
            section = line.strip()
        key, _, value = line.partition("=")
        if section == "[Service]" and key.strip() in ("Environment", "EnvironmentFile"):
            yield key.strip(), value.strip()


def _pairs(text: str, file: Path) -> dict[str, Setting]:
    try:
        words = shlex.split(text, comments=False)
    except ValueError:  # an open quote: systemd ignores the whole line
        return {}
    pairs = (word.partition("=") for word in words)
    return {name: Setting(value, file) for name, equals, value in pairs if equals}
