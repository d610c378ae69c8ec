"""systemd: a drop-in that gives a user unit the launch environment (systemd.exec(5)).

A drop-in's assignment replaces the unit's own, so a library path that the unit sets is taken
along, behind the environment's directories.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from mlenv.environment import launch
from mlenv.environment.launchers import owned
from mlenv.environment.launchers.launcher import ABSENT, INSTALLED, Place, Shim
from mlenv.result import WRONG_USAGE, MlenvError


def install(place: Place) -> Shim:
    shim = owned.install_file(_file(place), _text(place))
    todo = f"Run `systemctl --user daemon-reload`, then restart {_unit(place)}."
    return replace(shim, todo=todo) if shim.changed else shim


def remove(place: Place) -> Shim:
    file = _file(place)
    shim = owned.remove_file(file)
    if shim.changed and not any(file.parent.iterdir()):
        file.parent.rmdir()
    return shim


def look(place: Place) -> Shim:
    if not place.unit:  # every unit that has our drop-in
        files = tuple(sorted(f for f in _units(place).glob("*.d/mlenv.conf") if owned.is_ours(f)))
        if not files:
            return Shim(ABSENT)
        looks = [look(replace(place, unit=file.parent.name.removesuffix(".d"))) for file in files]
        worst = next((item.state for item in looks if item.state != INSTALLED), INSTALLED)
        return Shim(worst, files)
    return owned.look_at_file(_file(place), _text(place))


def _units(place: Place) -> Path:
    config = place.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else place.home / ".config") / "systemd" / "user"


def _unit(place: Place) -> str:
    name = place.unit if "." in place.unit else f"{place.unit}.service"
    if not re.fullmatch(r"[A-Za-z0-9:_.\\@-]+\.(service|socket|mount|swap)", name):
        raise MlenvError(
            "usage",
            f"`{place.unit}` is no systemd unit." if place.unit else "Which systemd unit?",
            "Name it: `mlenv shim install systemd --unit NAME`.",
            exit_code=WRONG_USAGE,
        )
    return name


def _file(place: Place) -> Path:
    return _units(place) / f"{_unit(place)}.d" / "mlenv.conf"


def _text(place: Place) -> str:
    inherited = _library_path(_units(place) / _unit(place))
    base = {launch.LIBRARY_PATH: inherited} if inherited else {}
    variables = launch.build(place.venv, base).variables
    lines = [
        f"Environment={_quoted(f'{name}={value}')}\n"
        for name, value in variables.items()
        if name != "PATH"  # what a unit has there is nobody's to guess: ExecStart is a full path
    ]
    python = place.venv / "bin" / "python"
    return (
        f"# {owned.MARK}: the launch environment of {_comment(str(place.venv))}.\n"
        f"# ExecStart={_quoted(str(python))} .. then finds its libraries.\n"
        f"[Service]\nUnsetEnvironment=PYTHONHOME\n{''.join(lines)}"
    )


def _library_path(unit: Path) -> str:
    """The last library path that the unit itself sets."""
    found = re.findall(
        r"^\s*Environment\s*=.*?\bLD_LIBRARY_PATH=([^\s\"']+)", owned.read(unit), re.MULTILINE
    )
    return found[-1] if found else ""


def _quoted(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "%": "%%"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def _comment(text: str) -> str:
    return text.replace("\n", "\\n")
