"""Provisioning: profile and lock in, an active generation out. Nothing half-done is ever seen."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlenv import uv
from mlenv.progress import Progress
from mlenv.venv import generations
from mlenv.venv.generations import Generation

if TYPE_CHECKING:
    from mlenv.locks import Lock
    from mlenv.profiles import Profile


@dataclass(frozen=True, slots=True)
class Installed:
    """What `install` did. `kept`: where that is which stood at the environment's place."""

    venv: Path
    generation: Generation
    why: str
    changed: bool
    seconds: float
    kept: Path | None = None


def install(
    venv: Path,
    name: str | None,
    progress: Progress,
    *,
    python: str | None = None,
    offline: bool = False,
    rebuild: bool = False,
) -> Installed:
    """Build a generation of a profile and activate it; nothing where that is done already.

    `rebuild`: build one even so (what is active was damaged in a way that only a look at
    its files shows).

    Without a name: the profile in use, else the best that this machine can run.
    """
    began = time.monotonic()
    present = generations.active(venv)
    if present and not rebuild and _up_to_date(present, name, python):
        return Installed(venv, present, "in use", False, time.monotonic() - began)

    from mlenv import choose, locks
    from mlenv.venv import preflight

    progress.step("Checking this machine")
    chosen = choose.selected(name or (present.profile_path if present else None))
    profile, lock = chosen.profile, locks.load(chosen.profile)
    progress.detail(f"profile {profile.name}: {chosen.why}")
    preflight.location(venv)
    preflight.space(venv, profile)
    interpreter = preflight.interpreter(profile, python)

    def fill(path: Path) -> None:
        progress.step(f"Making a venv with Python {interpreter}")
        uv.create_venv(path, interpreter)
        progress.step(f"Installing {len(lock.pins)} packages")
        _sync(path, lock, profile, progress, offline)
        progress.step("Setting up the launchers")
        _finish(path, venv)

    with generations.locked(venv):
        generations.remove_unfinished(venv)
        generation = generations.build(venv, profile, lock, fill)
        kept = generations.switch(venv, generation.path)
    progress.end()
    return Installed(venv, generation, chosen.why, True, time.monotonic() - began, kept)


def _up_to_date(present: Generation, name: str | None, python: str | None) -> bool:
    """Whether what is active is all that was asked for. Reads little: it must be quick."""
    if name not in (None, present.profile, present.profile_path):
        return False
    if not present.inputs_unchanged() or present.drift():
        return False
    return python is None or uv.find_python(python) == Path(present.python)


def _sync(path: Path, lock: Lock, profile: Profile, progress: Progress, offline: bool) -> None:
    """From uv's cache where that holds everything, which asks no index; else by download."""
    try:
        uv.sync(path, lock.path, sources=uv.Sources(offline=True))
    except uv.UvError:
        if offline:
            raise
    else:
        return
    from mlenv.venv import preflight

    preflight.indexes(profile)
    indexes = uv.Sources(extra=tuple(index.url for index in profile.indexes))
    uv.sync(path, lock.path, sources=indexes, on_line=Downloads(progress).line)


def _finish(path: Path, venv: Path) -> None:
    """Everything in a generation that no wheel brings: links at the source, launchers."""
    from mlenv.launch import site_packages
    from mlenv.shims import activate, commands
    from mlenv.venv import links

    links.link(site_packages(path))
    activate.write(path, venv)
    commands.write(path, venv)


_MIB = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}


class Downloads:
    """Follows uv's messages: how much is there to fetch, what is still on its way."""

    _BEGUN = re.compile(r"^Downloading (?P<name>\S+) \((?P<size>[\d.]+)(?P<unit>[KMG]iB)\)")
    _OVER = re.compile(r"^ ?Downloaded (?P<name>\S+)")

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._sizes: dict[str, float] = {}
        self._over: set[str] = set()

    def line(self, text: str) -> None:
        if begun := self._BEGUN.match(text):
            self._sizes[begun["name"]] = float(begun["size"]) * _MIB[begun["unit"]]
        elif over := self._OVER.match(text):
            self._over.add(over["name"])
        else:
            return
        self._progress.detail(self._state())

    def _state(self) -> str:
        total = sum(self._sizes.values())
        done = sum(size for name, size in self._sizes.items() if name in self._over)
        amount = f"{done / 1024:.2f} of {total / 1024:.2f} GiB downloaded"
        waiting: Sequence[str] = sorted(
            self._sizes.keys() - self._over, key=self._sizes.__getitem__
        )
        return f"{amount}, now {', '.join(waiting[-3:])}" if waiting else amount


def described(installed: Installed) -> dict[str, object]:
    """What `install` did, as JSON can carry it."""
    return {
        "venv": os.fspath(installed.venv),
        "profile": installed.generation.profile,
        "why": installed.why,
        "changed": installed.changed,
        "generation": generations.as_data(installed.generation),
        "kept": os.fspath(installed.kept) if installed.kept else None,
        "seconds": round(installed.seconds, 2),
    }
