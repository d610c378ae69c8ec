"""Provisioning: profile and lock in, an active generation out. Nothing half-done is ever seen."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlenv.environment import generations, uv
from mlenv.environment.generations import Generation
from mlenv.environment.install import changes
from mlenv.environment.install.changes import NOTHING, Changes
from mlenv.environment.uv.downloads import Downloads
from mlenv.progress import Progress

if TYPE_CHECKING:
    from mlenv.environment.install.plan import InstallPlan


@dataclass(frozen=True, slots=True)
class Installed:
    """What `install` did. `kept`: where that is which stood at the environment's place.

    `passed_over`: profiles that would have been preferred, and why they were not taken.
    """

    venv: Path
    generation: Generation
    why: str
    changed: bool
    seconds: float
    kept: Path | None = None
    changes: Changes = NOTHING
    passed_over: tuple[tuple[str, str], ...] = ()


def install(
    venv: Path,
    name: str | None,
    progress: Progress,
    *,
    python: str | None = None,
    offline: bool = False,
    rebuild: bool = False,
    mirrors: Sequence[str] = (),
    bundle: Path | None = None,
) -> Installed:
    """Build a generation of a profile and activate it; nothing where that is done already.

    `rebuild`: build one even so (what is active was damaged in a way that only a look at
    its files shows).

    Without a name: the profile in use, else the best that this machine can run. `mirrors`
    and `bundle` as in `plan.Request`.
    """
    began = time.monotonic()
    present = generations.active(venv)
    if present and not rebuild and _up_to_date(present, name, python):
        return Installed(venv, present, "in use", False, time.monotonic() - began)

    from mlenv.environment.install import plan, user_profiles

    progress.step("Checking this machine")
    wanted = name or (present.profile_path if present and not bundle else None)
    request = plan.Request(wanted, python, offline, tuple(mirrors), bundle)
    taken = plan.take(request, venv)
    if present and name == "auto" and not rebuild and _holds(present, taken, python):
        progress.end()
        return Installed(
            venv, present, taken.verdict.why, False, time.monotonic() - began,
            passed_over=taken.verdict.passed_over,
        )  # fmt: skip
    progress.detail(f"profile {taken.profile.name}: {taken.verdict.why}")

    def fill(path: Path) -> None:
        progress.step(f"Making a venv with Python {taken.python}")
        uv.create_venv(path, taken.python)
        progress.step(f"Installing {len(taken.lock.pins)} packages")
        _sync(path, taken, progress)
        progress.step("Setting up the launchers")
        _finish(path, venv)

    with generations.locked(venv):
        generations.remove_unfinished(venv)
        profile, lock = taken.profile, taken.lock
        if taken.bundle and profile.path.is_relative_to(taken.bundle.path):
            profile = user_profiles.adopt(venv, profile)
            lock = replace(lock, path=profile.lock_path)
        generation = generations.build(venv, profile, lock, fill)
        kept = generations.switch(venv, generation.path)
    progress.end()
    return Installed(
        venv,
        generation,
        taken.verdict.why,
        True,
        time.monotonic() - began,
        kept,
        changes.between(present.distributions if present else (), generation.distributions),
        taken.verdict.passed_over,
    )


def _up_to_date(present: Generation, name: str | None, python: str | None) -> bool:
    """Whether what is active is all that was asked for. Reads little: it must be quick."""
    if name not in (None, present.profile, present.profile_path):
        return False
    if not present.inputs_unchanged() or present.drift():
        return False
    return python is None or uv.find_python(python) == Path(present.python)


def _holds(present: Generation, taken: InstallPlan, python: str | None) -> bool:
    """Whether the profile that was chosen is the one in use, and nothing is to do for it."""
    return os.fspath(taken.profile.path) == present.profile_path and _up_to_date(
        present, None, python
    )


def _sync(path: Path, taken: InstallPlan, progress: Progress) -> None:
    """From uv's cache where that holds everything, which asks no index; else by download."""
    sources = taken.sources
    if not sources.folder:
        try:
            uv.sync(path, taken.lock.path, sources=replace(sources, offline=True))
        except uv.UvError:
            if sources.offline:
                raise
        else:
            return
        from mlenv.environment.install import preflight

        preflight.indexes(taken.profile, taken.indexes)
    uv.sync(path, taken.lock.path, sources=sources, on_line=Downloads(progress.detail).line)


def _finish(path: Path, venv: Path) -> None:
    """Everything in a generation that no wheel brings: links at the source, launchers."""
    from mlenv.environment.generations import links
    from mlenv.environment.launch import site_packages
    from mlenv.environment.launchers import activate, commands

    links.link(site_packages(path))
    activate.write(path, venv)
    commands.write(path, venv)


def described(installed: Installed) -> dict[str, object]:
    """What `install` did, as JSON can carry it."""
    return {
        "venv": os.fspath(installed.venv),
        "profile": installed.generation.profile,
        "why": installed.why,
        "changed": installed.changed,
        "changes": installed.changes.as_data(),
        "passed_over": [
            {"profile": name, "reason": reason} for name, reason in installed.passed_over
        ],
        "generation": generations.as_data(installed.generation),
        "kept": os.fspath(installed.kept) if installed.kept else None,
        "seconds": round(installed.seconds, 2),
    }
