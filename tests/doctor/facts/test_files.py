"""Caches and the environment's store, as the user may write to them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlenv.doctor.facts import files
from mlenv.doctor.facts.files import Cache, Partial


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may reach: those of pytest are root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_that_root_left_is_named(place: Path) -> None:
    """`sudo -E` writes as root into the caches and the store of the caller."""
    venv, cache = place / "venvs/ml", place / "uv"
    for folder in (cache / "wheels/pypi", venv.parent / ".ml.mlenv/generations/001-cu124"):
        folder.mkdir(parents=True)
    for folder in (place, *place.rglob("*")):
        os.chown(folder, 54321, -1)
    (cache / "wheels/six").mkdir()
    (venv.parent / ".ml.mlenv/generations/002-cu124").mkdir()
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.setuid(54321)
        environ = {"HOME": str(place), "UV_CACHE_DIR": str(cache)}
        caches = files.read(environ, venv, place).caches
        os.write(writer, repr([c for c in caches if not c.writable]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    expected = [
        Cache("uv", str(cache / "wheels/six"), True, False, 0),
        Cache("environment", f"{venv.parent}/.ml.mlenv/generations/002-cu124", True, False, 0),
    ]
    assert os.read(reader, 10000).decode() == repr(expected)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")
def test_a_model_of_another_user_is_not_readable(place: Path) -> None:
    model = place / "models--me--speech" / "snapshots" / "1" / "model.bin"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"x")
    model.chmod(0o600)
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setuid(54321)
            partial = files.read({"HOME": "/", "HF_HUB_CACHE": str(place)}, place, place).partial
            os.write(writer, repr(partial).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    expected = (Partial(str(model), "unreadable", "me/speech"),)
    assert os.read(reader, 10000).decode() == repr(expected)
