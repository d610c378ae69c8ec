"""The command shims as a launcher: `install` has them already; here they come and go."""

from __future__ import annotations

import os
from pathlib import Path

from mlenv.environment.launchers import commands
from mlenv.environment.launchers.launcher import ABSENT, INSTALLED, OUTDATED, Place, Shim


def install(place: Place) -> Shim:
    before = look(place)
    files = commands.write(place.venv.resolve(), place.venv)
    return Shim(
        INSTALLED,
        place.through_activation(files),
        changed=before.state != INSTALLED,
        todo=f"Put this directory on PATH: {place.venv / commands.FOLDER}",
    )


def remove(place: Place) -> Shim:
    files = commands.remove(place.venv.resolve())
    return Shim(ABSENT, place.through_activation(files), changed=bool(files))


def look(place: Place) -> Shim:
    generation = place.venv.resolve()
    scripts = commands.texts(generation, place.venv)
    folder = generation / commands.FOLDER
    files = tuple(sorted(folder.iterdir())) if folder.is_dir() else ()
    if not files:
        return Shim(ABSENT)
    stale = [file for file in files if not _is_right(file, scripts.get(file.name), generation)]
    return Shim(OUTDATED if stale else INSTALLED, place.through_activation(tuple(stale) or files))


def _is_right(file: Path, script: bytes | None, generation: Path) -> bool:
    """Tell if a shim starts what it should, be it through another mlenv or another path here."""
    text = file.read_bytes()
    if script is None or text == script:
        return script is not None
    actual, expected = commands.speech_command(text), commands.speech_command(script)
    if actual is None or expected is None or actual.rest != expected.rest:
        return False
    return os.access(actual.python, os.X_OK) and actual.venv.resolve() == generation
