"""direnv: an `.envrc` that activates the environment.

direnv runs it in bash and exports what has changed, so leaving the folder restores everything.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlenv.environment.launchers.launcher import Place, Shim
from mlenv.environment.launchers.owned import Block
from mlenv.environment.launchers.quoting import posix

_BLOCK = Block()


def install(place: Place) -> Shim:
    shim = _BLOCK.install(_file(place), _body(place))
    return replace(shim, todo="Run `direnv allow` in that folder.") if shim.changed else shim


def remove(place: Place) -> Shim:
    return _BLOCK.remove(_file(place))


def look(place: Place) -> Shim:
    return _BLOCK.look(_file(place), _body(place))


def _file(place: Place) -> Path:
    return place.project / ".envrc"


def _body(place: Place) -> str:
    script = posix(str(place.venv / "bin" / "activate"))
    return f"watch_file {script}\nVIRTUAL_ENV_DISABLE_PROMPT=1 . {script}"
