"""The wheel of this tree, installed by pipx."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.test_package import UV, _environ, _locks
from tests.test_package import wheel as wheel

pytestmark = pytest.mark.heavy


def test_pipx_installs_the_wheel_and_it_works_from_any_directory(wheel: Path, home: Path) -> None:
    environ = _environ(home)
    pipx = [UV, "tool", "run", "-q", "pipx==1.8.0", "install", "--quiet", wheel]
    subprocess.run(pipx, check=True, env=environ, cwd=home, capture_output=True)
    assert str(home / ".local/share/pipx") in _locks(home / ".local/bin/mlenv", environ)
