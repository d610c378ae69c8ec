"""`mlenv exec` with the real wheels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.launching import PROOF, PROVED, MakeVenv
from tests.support.running import Run


@pytest.mark.heavy
def test_the_real_front_library_finds_its_parts(mlenv: Run, real: MakeVenv, nasty: Path) -> None:
    done = mlenv("exec", "--venv", real(nasty / "ml"), "python", "-c", PROOF)
    assert (done.returncode, done.stdout.strip()) == (0, PROVED), done.stderr
