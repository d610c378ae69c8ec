"""The programs that the tests drive: there, or the test says so."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Its path; without it a test fails in CI and is skipped elsewhere."""
    found = shutil.which(name)
    if found is None:
        _lacking(name)
    return str(found)


def node_modules(package: str) -> Path:
    """The `node_modules` on PATH (as `node_modules/.bin`) that has this package."""
    for entry in os.environ["PATH"].split(":"):
        folder = Path(entry).parent
        if Path(entry).name == ".bin" and (folder / package).is_dir():
            return folder
    _lacking(package)
    raise AssertionError


def _lacking(name: str) -> None:
    message = f"{name} is not installed: see .ci/packages.txt and .ci/npm-packages.txt"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
