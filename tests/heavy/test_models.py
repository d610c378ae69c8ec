"""The store of the models on a disk that is full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.running import Run
from tests.support.small_model import Mirror


@pytest.mark.heavy
def test_a_full_disk(
    mlenv: Run,
    small_model: dict[str, str],
    mirror: type[Mirror],
    tmp_path: Path,
) -> None:
    """A file system in memory without room for the two files, in a namespace of its own."""
    small = tmp_path / "cache"
    small.mkdir()
    root = () if os.geteuid() == 0 else ("--map-root-user",)
    script = 'mount -t tmpfs -o size=128k none "$1"; shift; "$@"; find "$MLENV_CACHE_DIR" -type d'
    prefix = ("unshare", *root, "-m", "--propagation", "private", "sh", "-c", script, "sh")
    done = mlenv("models", "pull", "small", env=small_model, prefix=(*prefix, str(small)))
    assert f"error: small needs 0.2 MB more at {small}/models, 0.1 MB are free.\n" in done.stderr
    assert "another place for models with MLENV_CACHE_DIR" in done.stderr
    assert "Traceback" not in done.stderr
    assert f"{small}/models/small\n" not in done.stdout  # nothing that looks like the model
