"""Shims for what runs without anybody there: systemd units, cron."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mlenv.environment import launch
from mlenv.environment.launchers import cron, systemd, unit_files
from mlenv.environment.launchers.launcher import Place
from mlenv.result import MlenvError
from tests.support.launching import BASE, MakeVenv, contents
from tests.support.services import UNIT, unit_place, variables_of_unit


def test_a_unit_gets_the_launch_environment(nasty: Path, hollow: MakeVenv, tmp_path: Path) -> None:
    place = unit_place(hollow(nasty / "ml"), tmp_path / "home")
    before = contents(place.project)
    first = systemd.install(place)
    assert (first.state, first.changed) == ("installed", True)
    assert systemd.look(place).state == "installed"
    assert not systemd.install(place).changed
    built = launch.build(place.venv, {}).variables
    expected = {name: built[name] for name in ("VIRTUAL_ENV", "LD_LIBRARY_PATH")}
    assert variables_of_unit(place) == (expected, "")
    shutil.rmtree(place.project / "run")
    assert systemd.remove(place).changed
    assert contents(place.project) == before
    assert [path.name for path in (place.project / ".config/systemd/user").iterdir()] == [
        "talks.service"
    ]
    assert not systemd.remove(place).changed


def test_a_units_own_library_path_stays_behind(hollow: MakeVenv, tmp_path: Path) -> None:
    unit = UNIT + 'Environment=A=1 "LD_LIBRARY_PATH=/opt/a::/opt/b"\n'
    place = unit_place(hollow(tmp_path / "ml"), tmp_path / "home", unit)
    systemd.install(place)
    found, _ = variables_of_unit(place)
    assert found["LD_LIBRARY_PATH"].endswith("cuda_nvrtc/lib:/opt/a:/opt/b")
    assert found["A"] == "1"


@pytest.mark.parametrize(
    ("unit", "drop_in"),
    [
        ('Environment="LD_LIBRARY_PATH=/opt/my libs:/opt/b"\n', ""),
        ("Environment='LD_LIBRARY_PATH=/opt/my libs' A=1\n", "[Service]\nEnvironment=B=2\n"),
        ("Environment=A=1 \\\n# between\n  LD_LIBRARY_PATH=/opt/c\n", ""),
        ("Environment=LD_LIBRARY_PATH=/opt/a\nEnvironment=\n", ""),
        ("Environment=LD_LIBRARY_PATH=/opt/a\n", "[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/d\n"),
        ("Environment=LD_LIBRARY_PATH=/opt/100%%:%h/lib\n", ""),
        ("[Install]\nEnvironment=LD_LIBRARY_PATH=/opt/not-of-the-service\n", ""),
        ('Environment="LD_LIBRARY_PATH=/opt/open\nEnvironment=LD_LIBRARY_PATH=/opt/e\n', ""),
        (r"Environment=LD_LIBRARY_PATH=/opt/back\\slash" + "\n", ""),
    ],
)
def test_a_units_library_path_is_read_as_systemd_reads_it(
    unit: str, drop_in: str, hollow: MakeVenv, tmp_path: Path
) -> None:
    place = unit_place(hollow(tmp_path / "ml"), tmp_path / "home", UNIT + unit)
    folder = tmp_path / "home/.config/systemd/user"
    if drop_in:
        (folder / "talks.service.d").mkdir()
        (folder / "talks.service.d/a.conf").write_text(drop_in)
    files = unit_files.of_unit("talks.service", [folder], system=False)
    own = unit_files.setting("LD_LIBRARY_PATH", files, place.home)
    understood, _ = variables_of_unit(place)
    assert (own.value if own else None) == understood.get("LD_LIBRARY_PATH")
    systemd.install(place)
    ours = launch.build(place.venv, {"LD_LIBRARY_PATH": own.value} if own else {}).variables
    assert variables_of_unit(place)[0]["LD_LIBRARY_PATH"] == ours["LD_LIBRARY_PATH"]


@pytest.mark.parametrize("form", ["drop-in", "file"])
def test_a_library_path_that_wins_over_the_drop_in_is_said(
    form: str, hollow: MakeVenv, tmp_path: Path
) -> None:
    place = unit_place(hollow(tmp_path / "ml"), tmp_path / "home")
    later = tmp_path / "home/.config/systemd/user/talks.service.d/override.conf"
    later.parent.mkdir()
    if form == "drop-in":
        later.write_text("[Service]\nEnvironment=LD_LIBRARY_PATH=/opt/a\n")
        winner = later
    else:
        winner = tmp_path / "talks.env"
        winner.write_text("# mine\nLD_LIBRARY_PATH='/opt/my libs'\n")
        later.write_text(f"[Service]\nEnvironmentFile=-{winner}\n")
    todo = (
        f"{winner} sets LD_LIBRARY_PATH after this drop-in, and wins: take the variable out there."
    )
    assert systemd.install(place).todo == todo
    assert systemd.install(place).todo == todo  # also when nothing is left to write


def test_a_unit_of_the_system(
    hollow: MakeVenv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "talks.service").write_text(UNIT)
    monkeypatch.setattr(systemd, "SYSTEM_FOLDERS", (folder,))
    place = Place(hollow(tmp_path / "ml"), tmp_path, {**BASE, "HOME": str(tmp_path)}, "talks")
    shim = systemd.install(place)
    assert shim.files == (folder / "talks.service.d/mlenv.conf",)
    assert shim.todo == "Run `systemctl daemon-reload`, then restart talks.service."
    assert systemd.look(replace(place, unit="")).files == shim.files
    assert systemd.remove(place).changed
    assert [entry.name for entry in folder.iterdir()] == ["talks.service"]


def test_a_unit_that_is_not_there_yet_is_said(hollow: MakeVenv, tmp_path: Path) -> None:
    home = {**BASE, "HOME": str(tmp_path)}
    shim = systemd.install(Place(hollow(tmp_path / "ml"), tmp_path, home, "later"))
    assert shim.todo == "There is no unit later.service yet; the drop-in waits for it."


def test_every_unit_with_the_shim_is_listed(hollow: MakeVenv, tmp_path: Path) -> None:
    place = unit_place(hollow(tmp_path / "ml"), tmp_path / "home")
    systemd.install(place)
    anywhere = Place(place.venv, place.project, place.environ)
    seen = systemd.look(anywhere)
    assert seen.state == "installed"
    assert [file.parent.name for file in seen.files] == ["talks.service.d"]


@pytest.mark.parametrize("name", ["", "../evil", "a b", "x.timer"])
def test_a_unit_must_be_named(name: str, hollow: MakeVenv, tmp_path: Path) -> None:
    place = unit_place(hollow(tmp_path / "ml"), tmp_path / "home", name=name)
    with pytest.raises(MlenvError) as caught:
        systemd.install(place)
    assert (caught.value.code, caught.value.exit_code) == ("usage", 2)
    assert "mlenv shim install systemd --unit NAME" in caught.value.hint
    with pytest.raises(MlenvError) as caught:
        systemd.remove(place)
    assert "mlenv shim remove systemd --unit NAME" in caught.value.hint


def cron_words(nasty: Path, venv: Path) -> list[str]:
    """The line to paste, as a shell that cron starts splits it."""
    line = cron.install(Place(venv, nasty, BASE)).paste
    schedule, command = line.split(" ", 5)[:5], line.split(" ", 5)[5]
    assert schedule == ["15", "3", "*", "*", "*"]
    assert "\n" not in line and "%" not in line  # both end a command in a crontab (crontab(5))
    done = subprocess.run(
        ["/bin/sh", "-c", f'printf "%s\\0" {command}'],
        env={"HOME": "/home/me"},
        capture_output=True,
    )
    return done.stdout.decode().split("\0")[:-1]


def test_a_line_for_cron(nasty: Path, hollow: MakeVenv) -> None:
    venv = hollow(nasty / "ml")
    assert cron_words(nasty, venv) == [str(venv / "shims/python"), "/home/me/nightly.py"]
