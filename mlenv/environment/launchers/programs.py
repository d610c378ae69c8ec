"""The command shims as a launcher: `install` has them already; here they come and go."""

from __future__ import annotations

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
    same = {file.name: file.read_bytes() for file in files} == scripts
    return Shim(INSTALLED if same else OUTDATED, place.through_activation(files))
