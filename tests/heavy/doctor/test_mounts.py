"""File systems as they are mounted: without code, with next to no room, closed to this user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.venvs import MakeVenv, empty_venv, packages

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        os.getuid() != 0
        or not shutil.which("unshare")
        or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0,
        reason="only root can mount, and not in every container",
    ),
]
IRRELEVANT = ("hf-download-offline", "hf-download-ssl")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that every user may reach: those of pytest are root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def look(before: str, venv: Path, home: Path, *ids: str, user: int = 0) -> tuple[int, list[str]]:
    """The exit code, and what is bad (`ID: OUTCOME: EVIDENCE`), seen after `before` was run."""
    skipped = [word for id in IRRELEVANT for word in ("--skip", id)]
    doctor = [sys.executable, "-m", "mlenv", "doctor", "--json", "--venv", str(venv)]
    doctor += ids or skipped
    command = ["unshare", "-m", "sh", "-ec", f'{before}\nexec "$@"', "sh"]
    if user:
        command += ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(home), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*command, *doctor], env=environ, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    findings = json.loads(done.stdout)["data"]["findings"]
    bad = [f for f in findings if f["outcome"] in ("fail", "warn")]
    bad.sort(key=lambda finding: finding["outcome"])
    return done.returncode, [f"{f['id']}: {f['outcome']}: {f['evidence'][0]}" for f in bad]


def test_an_environment_on_a_mount_without_code(
    real_venv: Path, copy_of: MakeVenv, home: Path
) -> None:
    venv, place = copy_of(real_venv, "*"), home / "ml"
    place.mkdir()
    mount = f"mount --bind '{venv}' '{place}'; mount -o remount,bind,noexec '{place}'"
    code, bad = look(mount, place, home)
    line = f"{place} is on a file system that is mounted with noexec"
    assert (code, bad) == (1, [f"environment-on-noexec-mount: fail: {line}"])


def test_next_to_no_shared_memory(home: Path) -> None:
    venv = empty_venv(home / "ml")
    mount = "mount -t tmpfs -o size=4k tmpfs /dev/shm"
    disk = "disk-full-or-tmp-too-small"
    line = "0.00 GiB free for the shared memory (/dev/shm)"
    assert look(mount, venv, home, disk) == (1, [f"{disk}: fail: {line}"])
    assert look("", venv, home, disk) == (0, [])


def test_packages_that_only_root_may_read(home: Path) -> None:
    venv = empty_venv(home / "ml")
    os.chmod(packages(venv), 0o700)  # noqa: PTH101
    damaged = "package-files-damaged"
    line = f"unreadable: {packages(venv)}, of all packages"
    assert look("", venv, home, damaged, user=54321) == (1, [f"{damaged}: fail: {line}"])


def test_a_python_without_tls(home: Path) -> None:
    """Its extension is hidden below another file, as in a Python that was built without OpenSSL."""
    venv = empty_venv(home / "ml")
    said = "import _ssl; print(_ssl.__file__)"
    module = subprocess.run(
        [venv / "bin/python", "-c", said], check=True, capture_output=True, text=True
    ).stdout.strip()
    folder = Path(module).parent
    mount = (
        f"mkdir '{home}/lib'; cp -a '{folder}/.' '{home}/lib'\n"
        f"rm '{home}/lib/{Path(module).name}'\nmount --bind '{home}/lib' '{folder}'"
    )
    id = "python-lacks-standard-modules"
    code, bad = look(mount, venv, home, id)
    assert code == 1
    assert [line.endswith(" has no _ssl") for line in bad] == [True]
    assert bad[0].startswith(f"{id}: fail: ")
