"""A systemd unit and a cron daemon with the real wheels."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from mlenv.environment.launchers import commands, cron, systemd
from mlenv.environment.launchers.launcher import Place
from tests.support.launching import BASE, PROOF, PROVED, MakeVenv
from tests.support.programs import program
from tests.support.services import unit_place, variables_of_unit

pytestmark = pytest.mark.usefixtures("home_of_its_own")


@pytest.mark.heavy
def test_with_a_units_variables_the_real_front_library_finds_its_parts(
    real: MakeVenv, nasty: Path, tmp_path: Path
) -> None:
    place = unit_place(real(nasty / "ml"), tmp_path / "home")
    systemd.install(place)
    found, _ = variables_of_unit(place)
    done = subprocess.run(
        [place.venv / "bin/python", "-c", PROOF], env=found, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, PROVED), done.stderr


# cron reads fixed places. In a mount namespace of its own those are empty but for one crontab.
ALONE = """
set -e
mount -t tmpfs none /run
mount -t tmpfs none /etc/cron.d
mount --bind /dev/null /etc/crontab
mount -t tmpfs none /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
cp "$1" "/var/spool/cron/crontabs/$2"
chmod 600 "/var/spool/cron/crontabs/$2"
exec "$3" -f
"""


@pytest.mark.heavy
@pytest.mark.skipif(os.getuid() != 0, reason="only root may start a cron daemon")
def test_the_real_front_library_finds_its_parts_under_cron(real: MakeVenv, tmp_path: Path) -> None:
    """A real cron daemon: it starts the lines at the next full minute."""
    lines, outputs = [], []
    (tmp_path / "nightly.py").write_text(PROOF, "utf-8")
    for number, name in enumerate(('it\'s "ml"', "100 % $HOME", "new\nline")):
        venv = real(tmp_path / name / "ml")
        commands.write(venv, venv)
        command = cron.install(Place(venv, tmp_path, BASE)).paste.split(" ", 5)[5]
        outputs.append(tmp_path / f"out{number}")
        command = command.replace("$HOME/nightly.py", str(tmp_path / "nightly.py"))
        lines.append(f"* * * * * {command} > {outputs[-1]} 2>&1\n")
    table = tmp_path / "crontab"
    table.write_text("".join(lines), "utf-8")
    alone = ["unshare", "-m", "--propagation", "private", "/bin/sh", "-c", ALONE, "sh"]
    cron_program = shutil.which("cron", path="/usr/sbin") or program("cron")
    daemon = subprocess.Popen([*alone, table, getpass.getuser(), cron_program])
    try:
        end = time.monotonic() + 90
        while not all(o.exists() and o.read_text() for o in outputs) and time.monotonic() < end:
            time.sleep(0.5)
    finally:
        daemon.kill()
        daemon.wait()
    assert [o.read_text().strip() for o in outputs if o.exists()] == [PROVED] * 3
