"""The wheel: complete, and usable from any directory."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import pytest
import uv

from tests.support.places import ROOT

UV = uv.find_uv_bin()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The wheel of this tree."""
    wheels = tmp_path / "wheels"
    subprocess.run(
        [UV, "build", "-q", "--wheel", "--out-dir", wheels, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = wheels.glob("*.whl")
    return wheel


def test_the_wheel_holds_all_that_mlenv_needs_and_nothing_of_the_documentation(wheel: Path) -> None:
    carried = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("profiles", "constraints"):
        for path in (ROOT / folder).iterdir():
            assert f"mlenv/_shipped/{folder}/{path.name}" in carried
    assert "mlenv/py.typed" in carried
    templates = (ROOT / "mlenv/cli/render/templates").iterdir()
    assert {f"mlenv/cli/render/templates/{path.name}" for path in templates} <= carried
    licences = {Path(name).name for name in carried if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE.md"}
    assert {name.partition("/")[0] for name in carried if ".dist-info/" not in name} == {"mlenv"}


def test_uv_installs_the_wheel_and_it_works_from_any_directory(wheel: Path, home: Path) -> None:
    environ = _environ(home)
    subprocess.run([UV, "tool", "install", "-q", wheel], check=True, env=environ, cwd=home)
    assert str(home / ".local/share/uv/tools") in _locks(home / ".local/bin/mlenv", environ)


def _environ(home: Path) -> dict[str, str]:
    """The variables of a user with an empty home, but for uv's cache."""
    cache = subprocess.run([UV, "cache", "dir"], capture_output=True, text=True).stdout.strip()
    left_out = ("XDG_", "UV_", "PIPX_", "MLENV_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "HOME": str(home), "UV_CACHE_DIR": cache}


def _locks(program: Path, environ: dict[str, str]) -> str:
    """What `mlenv lock --check` prints, with the places of the locks."""
    done = subprocess.run(
        [program, "lock", "--check", "--offline"],
        cwd="/", env=environ, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
