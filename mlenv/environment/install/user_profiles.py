"""The user's own profiles: copies that `add`, `remove` and bundles bring, beside the generations.

They lie in `.ml.mlenv/profiles/`, each with its lock, and are as good as a shipped one.
"""

from __future__ import annotations

import os
from pathlib import Path

from mlenv.environment import generations
from mlenv.environment.lockfile import profiles
from mlenv.environment.lockfile.profiles import Profile
from mlenv.files import write_atomically


def folder(venv: Path) -> Path:
    return generations.store(venv) / "profiles"


def adopt(venv: Path, profile: Profile) -> Profile:
    """Copy a bundle's profile beside the generations: the bundle may be gone tomorrow."""
    return write(venv, profile.name, profile.path.read_text("utf-8"), profile.lock_path.read_text())


def write(venv: Path, name: str, text: str, lock: str) -> Profile:
    """Write one with its lock; returns it."""
    place = folder(venv)
    place.mkdir(parents=True, exist_ok=True)
    write_atomically(place / f"{name}.txt", lock)
    write_atomically(place / f"{name}.toml", text)
    return profiles.load(os.fspath(place / f"{name}.toml"))
