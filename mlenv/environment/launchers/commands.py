"""Command shims: one directory on PATH, and every tool of the environment works.

Each is a few lines of POSIX shell that set the loader's path and become the command. They name
the generation: what has started stays in it, whatever is installed meanwhile.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import NamedTuple

from mlenv.environment.launch import library_path, site_packages
from mlenv.environment.launchers.quoting import posix
from mlenv.environment.launchers.template import filled
from mlenv.files import write_atomically

FOLDER = "shims"
_PYTHONS = ("python", "python3")
_SPEECH = ("transcribe", "diarize")


def write(generation: Path, venv: Path) -> tuple[Path, ...]:
    """Write `shims/` into `generation`, for use as `venv/shims`; returns the files.

    What is no longer a command of the environment goes away.
    """
    folder = generation / FOLDER
    folder.mkdir(exist_ok=True)
    scripts = texts(generation, venv)
    for name, text in scripts.items():
        write_atomically(folder / name, text, mode=0o755)
    for file in folder.iterdir():
        if file.name not in scripts:
            file.unlink()
    return tuple(sorted(folder.iterdir()))


def texts(generation: Path, venv: Path) -> dict[str, bytes]:
    """Every shim, by the command's name."""
    rule = library_path(site_packages(generation))
    head = "#!/bin/sh\n# Made by mlenv: runs this command of the environment.\nunset PYTHONHOME\n"
    if rule.first:
        head = filled(
            "command.sh",
            {
                "FIRST": posix(":".join(map(str, rule.first))),
                "LAST": "".join(posix(f":{path}") for path in rule.last),
                "SHADOWING": " ".join(map(posix, rule.shadowing)),
            },
        )
    lines = {**_tools(generation), **_speech(venv)}
    return {
        name: f"{head}{last}\n".encode("utf-8", "surrogateescape") for name, last in lines.items()
    }


def remove(generation: Path) -> tuple[Path, ...]:
    """Empty `shims/`; returns the files that were in it.

    The folder stays, and says that they were not lost.
    """
    folder = generation / FOLDER
    files = tuple(sorted(folder.iterdir())) if folder.is_dir() else ()
    for file in files:
        file.unlink()
    return files


def _tools(generation: Path) -> dict[str, str]:
    """The last line of the shim of every program in `bin/`."""
    python = posix(str(generation / "bin" / "python"))
    lines = dict.fromkeys(_PYTHONS, f'exec {python} "$@"')
    for file in sorted((generation / "bin").iterdir()):
        if file.name.startswith("python") or not file.is_file() or not file.stat().st_mode & 0o111:
            continue
        # A script's first line can't hold every path, and no long one: say the interpreter here.
        interpreter = f"{python} " if _is_python(file) else ""
        lines[file.name] = f'exec {interpreter}{posix(str(file))} "$@"'
    return lines


def _speech(venv: Path) -> dict[str, str]:
    """Mlenv's own commands run in mlenv's Python, which finds the generation and becomes its."""
    python = posix(sys.executable)
    lines = {}
    for name in _SPEECH:
        arguments = f'exec --venv {posix(str(venv))} {name} "$@"'
        lines[name] = (
            f"[ ! -x {python} ] || exec {python} -P -m mlenv {arguments}\n"
            f"! command -v mlenv >/dev/null || exec mlenv {arguments}\n"
            f'echo "{name}: mlenv is gone. Install it again and run \\`mlenv install\\`." >&2\n'
            "exit 127"
        )
    return lines


class SpeechCommand(NamedTuple):
    """A shim of mlenv's own command: the Python, the environment, and all else in it."""

    python: Path
    venv: Path
    rest: str


def speech_command(text: bytes) -> SpeechCommand | None:
    """Take the shim of `transcribe` or `diarize` apart; None for any other."""
    lines = text.decode("utf-8", "surrogateescape").splitlines()
    at = next((n for n, line in enumerate(lines) if line.startswith("[ ! -x ")), None)
    if at is None:
        return None
    try:
        words = shlex.split(lines[at])
        python, venv = words[3], words[words.index("--venv") + 1]
    except (ValueError, IndexError):
        return None
    tail = "\n".join(lines[at:])
    for path in (python, venv):
        tail = tail.replace(posix(path), "")
    return SpeechCommand(Path(python), Path(venv), "\n".join((*lines[:at], tail)))


def _is_python(file: Path) -> bool:
    """Recognise a Python script: `#!..python`, or what uv writes for a path with spaces."""
    with file.open("rb") as stream:
        first, _, rest = stream.read(4096).partition(b"\n")
    return first.startswith(b"#!") and (b"python" in first or rest.startswith(b"'''exec'"))
