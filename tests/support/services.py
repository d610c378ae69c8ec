"""A systemd unit of the user's, and what systemd reads out of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from mlenv.environment.launchers.launcher import Place
from tests.support.launching import BASE
from tests.support.programs import program

UNIT = "[Service]\nType=oneshot\nExecStart=/bin/true\n"


def unit_place(venv: Path, home: Path, unit: str = UNIT, name: str = "talks") -> Place:
    folder = home / ".config/systemd/user"
    folder.mkdir(parents=True)
    (folder / "talks.service").write_text(unit, "utf-8")
    return Place(venv, home, {**BASE, "HOME": str(home)}, name)


def variables_of_unit(place: Place) -> tuple[dict[str, str], str]:
    """What systemd itself reads out of the unit and its drop-in; and what it complains about.

    `systemd-analyze verify` prints the unit as it was understood where it logs for debugging.
    """
    runtime = place.project / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    unit = place.project / ".config/systemd/user/talks.service"
    argv: list[str | Path] = [program("systemd-analyze"), "--user", "verify", unit]
    env = {**place.environ, "XDG_RUNTIME_DIR": str(runtime)}
    quiet = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert quiet.returncode == 0, quiet.stderr
    told = subprocess.run(
        argv, env={**env, "SYSTEMD_LOG_LEVEL": "debug"}, capture_output=True, text=True
    ).stdout
    entries = re.split(r"^\t\t?(?=\w+: )|^\t(?=\S)", told, flags=re.MULTILINE)
    found = [e.removeprefix("Environment: ") for e in entries if e.startswith("Environment: ")]
    pairs = (entry.removesuffix("\n").partition("=") for entry in found)
    return {name: value for name, _, value in pairs}, quiet.stderr
