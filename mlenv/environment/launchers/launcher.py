"""The interface of launchers, and the table of all of them.

The module of launcher NAME has three functions from a `Place` to a `Shim`: `install`, `remove`,
`look`. Each may be called again and changes nothing then; `look` never changes anything.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

# name: (module below mlenv.environment.launchers, what it is)
LAUNCHERS: Mapping[str, tuple[str, str]] = {
    "shells": ("shells", "activate for bash, zsh, fish, csh, nushell and PowerShell"),
    "commands": ("programs", "one directory for PATH with every tool of the environment"),
    "jupyter": ("jupyter", "a Jupyter kernel"),
    "vscode": ("vscode", "interpreter and environment file of a VS Code workspace"),
    "direnv": ("direnv", "an .envrc that activates the environment"),
    "systemd": ("systemd", "a drop-in for a systemd unit (--unit NAME)"),
    "cron": ("cron", "a line for a crontab"),
    "docker": ("docker", "a Dockerfile with the same environment, from the lock"),
    "devcontainer": ("devcontainer", "a Dev Container made from that Dockerfile"),
    "pins": ("pins", "a constraints file, for uv, pip or Poetry in other projects"),
}

INSTALLED, ABSENT, OUTDATED, PASTE = "installed", "absent", "outdated", "to paste"


@dataclass(frozen=True, slots=True)
class Place:
    """For which environment a shim is made, and where it goes.

    `project`: the folder of a workspace (VS Code, direnv, Docker). `unit`: a systemd unit.
    """

    venv: Path
    project: Path
    environ: Mapping[str, str]
    unit: str = ""

    @property
    def home(self) -> Path:
        return Path(self.environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 (never raises)

    def through_activation(self, files: tuple[Path, ...]) -> tuple[Path, ...]:
        """Files of the generation as they are reached through the activation."""
        generation = self.venv.resolve()
        return tuple(self.venv / file.relative_to(generation) for file in files)


@dataclass(frozen=True, slots=True)
class Shim:
    """One launcher's shim, as it is now.

    `state`: installed, absent, outdated (ours, but not what would be written now), or to paste.
    `changed`: whether this call wrote or removed anything. `todo`: what is left to people, one
    line. `paste`: text that people put into a file of theirs.
    """

    state: str
    files: tuple[Path, ...] = ()
    changed: bool = False
    todo: str = ""
    paste: str = ""


class Launcher(Protocol):
    def install(self, place: Place) -> Shim: ...
    def remove(self, place: Place) -> Shim: ...
    def look(self, place: Place) -> Shim: ...


def load(name: str) -> Launcher:
    """The module of a launcher."""
    return cast(Launcher, importlib.import_module(f"{__package__}.{LAUNCHERS[name][0]}"))
