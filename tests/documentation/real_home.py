"""Homes in which the documentation's commands run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from mlenv import paths
from mlenv.speech.verify import samples
from tests.conftest import LEFT_OUT


def variables(**more: str) -> dict[str, str]:
    """The variables of a terminal, with this mlenv and its uv on PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "TZ": "UTC", **more}


def furnish(home: Path, *, own_models: bool = False) -> dict[str, str]:
    """Put the sample and the models that are on this machine into `home`; the variables for it.

    `own_models`: a copy, so that commands may remove them. uv's cache is that of this machine.
    """
    cache = paths.cache_dir(os.environ)
    (home / ".cache").mkdir()
    if own_models and cache.is_dir():
        shutil.copytree(cache, home / ".cache/mlenv", symlinks=True)
    else:
        cache.mkdir(parents=True, exist_ok=True)
        (home / ".cache/mlenv").symlink_to(cache)
    shutil.copy(samples.CONVERSATION, home / "talk.flac")
    uv_cache = os.environ.get("UV_CACHE_DIR") or str(Path("~/.cache/uv").expanduser())
    return variables(UV_CACHE_DIR=uv_cache)
