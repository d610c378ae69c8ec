"""Fixtures that every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import Run


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty HOME."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def mlenv(home: Path) -> Run:
    """Run the command line as a user does: `mlenv("doctor", "--json", env={..})`.

    HOME is empty and nothing of the developer's environment that mlenv reads is passed on.
    """

    def run(  # type: ignore[no-untyped-def]
        *arguments: str | Path,
        env: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        **options: object,
    ):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLENV_", "LD_", "VIRTUAL_ENV", "CONDA_", "XDG_"))
        }
        return subprocess.run(
            [*prefix, sys.executable, "-m", "mlenv", *map(str, arguments)],
            env={**kept, "HOME": str(home), **(env or {})},
            capture_output=True,
            text=True,
            **{"stdin": subprocess.DEVNULL, **options},
        )

    return run


@pytest.fixture(scope="session")
def real_venv() -> Path:
    """The real environment of profile cu124, for heavy tests: 5.7 GB, built once.

    `$MLENV_TEST_VENV` names one that is there already.
    """
    if given := os.environ.get("MLENV_TEST_VENV"):
        return Path(given)
    venv = Path("~/.cache/mlenv-tests/ml").expanduser()
    subprocess.run(
        [sys.executable, "-m", "mlenv", "install", "cu124", "--no-verify", "--venv", venv],
        check=True,
    )
    return venv
