"""systemd: a drop-in that gives a unit the launch environment (systemd.exec(5)).

A drop-in's assignment replaces the unit's own, so a library path that the unit sets is taken
along, behind the environment's directories. A unit of the user is looked for first, then one of
the system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from mlenv.environment import launch
from mlenv.environment.launchers import owned, unit_files
from mlenv.environment.launchers.launcher import ABSENT, INSTALLED, Place, Shim
from mlenv.environment.launchers.unit_files import Setting
from mlenv.result import WRONG_USAGE, MlenvError

SYSTEM_FOLDERS = tuple(Path(f"/{top}/systemd/system") for top in ("etc", "run", "usr/lib"))
_USER_FOLDERS = tuple(Path(f"/{top}/systemd/user") for top in ("etc", "run", "usr/lib"))
_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(service|socket|mount|swap)")


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit, its files, and the drop-in that is mlenv's."""

    name: str
    system: bool
    files: tuple[Path, ...]
    drop_in: Path
    home: Path

    def library_path(self) -> Setting | None:
        return unit_files.setting(launch.LIBRARY_PATH, self.files, self.home)


def install(place: Place) -> Shim:
    unit = _unit(place, "install")
    shim = owned.install_file(unit.drop_in, _text(place, unit))
    own = unit.library_path()
    if own and _wins(own.file, unit):
        todo = (
            f"{own.file} sets {launch.LIBRARY_PATH} after this drop-in, and wins: "
            "take the variable out there."
        )
    elif not unit.files:
        todo = f"There is no unit {unit.name} yet; the drop-in waits for it."
    elif shim.changed:
        scope = "" if unit.system else " --user"
        todo = f"Run `systemctl{scope} daemon-reload`, then restart {unit.name}."
    else:
        return shim
    return replace(shim, todo=todo)


def remove(place: Place) -> Shim:
    file = _unit(place, "remove").drop_in
    shim = owned.remove_file(file)
    owned.remove_empty(file.parent)
    return shim


def look(place: Place) -> Shim:
    if not place.unit:  # every unit that has our drop-in
        folders = (_user_folder(place), SYSTEM_FOLDERS[0])
        ours = [f for folder in folders for f in folder.glob("*.d/mlenv.conf") if owned.is_ours(f)]
        if not ours:
            return Shim(ABSENT)
        files = tuple(sorted(ours))
        looks = [look(replace(place, unit=file.parent.name.removesuffix(".d"))) for file in files]
        worst = next((item.state for item in looks if item.state != INSTALLED), INSTALLED)
        return Shim(worst, files)
    unit = _unit(place, "list")
    return owned.look_at_file(unit.drop_in, _text(place, unit))


def _user_folder(place: Place) -> Path:
    config = place.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else place.home / ".config") / "systemd" / "user"


def _unit(place: Place, action: str) -> _Unit:
    """The unit that `place` names; raises `MlenvError` where that is no name of one."""
    name = place.unit if "." in place.unit else f"{place.unit}.service"
    if not _NAME.fullmatch(name):
        raise MlenvError(
            "usage",
            f"`{place.unit}` is no systemd unit." if place.unit else "Which systemd unit?",
            f"Name it: `mlenv shim {action} systemd --unit NAME`.",
            exit_code=WRONG_USAGE,
        )
    user = (_user_folder(place), *_USER_FOLDERS)
    for system, folders in ((False, user), (True, SYSTEM_FOLDERS)):
        files = unit_files.of_unit(name, folders, system=system)
        drop_in = folders[0] / f"{name}.d" / "mlenv.conf"
        if files or drop_in.exists():
            return _Unit(name, system, files, drop_in, Path("/root") if system else place.home)
    return _Unit(name, False, (), user[0] / f"{name}.d" / "mlenv.conf", place.home)


def _wins(file: Path, unit: _Unit) -> bool:
    """Tell if what `file` sets replaces what mlenv's drop-in sets."""
    if file not in unit.files:  # an environment file
        return True
    return file != unit.files[0] and file.name > unit.drop_in.name


def _text(place: Place, unit: _Unit) -> str:
    own = unit.library_path()
    base = {launch.LIBRARY_PATH: own.value} if own else {}
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


def _quoted(text: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "%": "%%"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def _comment(text: str) -> str:
    return text.replace("\n", "\\n")
