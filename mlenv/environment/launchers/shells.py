"""The activation scripts as a launcher: `install` has them already; here they come and go."""

from __future__ import annotations

from mlenv.environment import launch
from mlenv.environment.launchers import activate
from mlenv.environment.launchers.launcher import ABSENT, INSTALLED, OUTDATED, Place, Shim


def install(place: Place) -> Shim:
    before = look(place)
    files = activate.write(place.venv.resolve(), place.venv)
    return Shim(
        INSTALLED,
        place.through_activation(files),
        changed=before.state != INSTALLED,
        todo=f"Use it: `. {place.venv / 'bin' / 'activate'}`, or the one for your shell.",
    )


def remove(place: Place) -> Shim:
    files = activate.restore(place.venv.resolve())
    return Shim(ABSENT, place.through_activation(files), changed=bool(files))


def look(place: Place) -> Shim:
    generation = place.venv.resolve()
    rule = launch.library_path(launch.site_packages(generation)).moved(generation, place.venv)
    scripts = activate.scripts(place.venv, rule)
    files = [generation / "bin" / name for name in scripts]
    ours = tuple(file for file in files if activate.is_ours(file))
    if not ours:
        return Shim(ABSENT)
    same = all(
        file.is_file()
        and file.read_bytes() == scripts[file.name].encode("utf-8", "surrogateescape")
        for file in files
    )
    return Shim(INSTALLED if same else OUTDATED, place.through_activation(ours))
