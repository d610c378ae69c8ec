"""Build a generation from a profile and its lock, and activate it in one step."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from mlenv.environment import generations, uv
from mlenv.environment.generations import Generation
from mlenv.environment.install import changes
from mlenv.environment.install.changes import NOTHING, Changes
from mlenv.environment.install.select import PassedOver
from mlenv.environment.uv.downloads import Downloads
from mlenv.progress import Progress
from mlenv.result import MlenvError

if TYPE_CHECKING:
    from mlenv.environment.install.plan import InstallPlan


class Installed(Struct, frozen=True, kw_only=True):
    """The result of `install`. `kept`: path of the directory that was moved aside, if any.

    `passed_over`: profiles that would have been preferred.
    """

    venv: Path
    profile: str
    why: str
    changed: bool
    changes: Changes = NOTHING
    passed_over: tuple[PassedOver, ...] = ()
    generation: Generation
    kept: Path | None = None
    seconds: float


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
    present = _present(venv, name)
    if present and not rebuild and _up_to_date(present, name, python):
        return _unchanged(venv, present, "in use", began)

    from mlenv.environment.install import plan, user_profiles

    progress.step("Checking this machine")
    profile_name = name or (present.profile_path if present and not bundle else None)
    request = plan.Request(profile_name, python, offline, tuple(mirrors), bundle)
    install_plan = plan.take(request, venv)
    if present and name == "auto" and not rebuild and _holds(present, install_plan, python):
        progress.end()
        return _unchanged(
            venv, present, install_plan.verdict.why, began, install_plan.verdict.passed_over
        )
    progress.detail(f"profile {install_plan.profile.name}: {install_plan.verdict.why}")

    def fill(path: Path) -> None:
        progress.step(f"Making a venv with Python {install_plan.python}")
        uv.create_venv(path, install_plan.python)
        progress.step(f"Installing {len(install_plan.lock.pins)} packages")
        _sync(path, install_plan, progress)
        progress.step("Setting up the launchers")
        _finish(path, venv)

    with generations.locked(venv, progress):
        generations.remove_unfinished(venv)
        profile, lock = install_plan.profile, install_plan.lock
        if install_plan.bundle and profile.path.is_relative_to(install_plan.bundle.path):
            profile = user_profiles.adopt(venv, profile)
            lock = replace(lock, path=profile.lock_path)
        generation = generations.build(venv, profile, lock, fill)
        aside = generations.switch(venv, generation.path)
    progress.end()
    before = present.distributions if present else ()
    return Installed(
        venv=venv,
        profile=generation.profile,
        why=install_plan.verdict.why,
        changed=True,
        changes=changes.between(before, generation.distributions),
        passed_over=install_plan.verdict.passed_over,
        generation=generation,
        kept=aside,
        seconds=round(time.monotonic() - began, 2),
    )


def _unchanged(
    venv: Path,
    present: Generation,
    why: str,
    began: float,
    passed_over: tuple[PassedOver, ...] = (),
) -> Installed:
    return Installed(
        venv=venv,
        profile=present.profile,
        why=why,
        changed=False,
        passed_over=passed_over,
        generation=present,
        seconds=round(time.monotonic() - began, 2),
    )


def _present(venv: Path, name: str | None) -> Generation | None:
    """The active generation. With a profile's name a damaged record is no obstacle."""
    try:
        return generations.active(venv)
    except MlenvError:
        if name is None:
            raise
        return None


def _up_to_date(present: Generation, name: str | None, python: str | None) -> bool:
    """Tell if the active generation is what was requested. Reads little: it must be quick."""
    if name not in (None, present.profile, present.profile_path):
        return False
    if not present.inputs_unchanged() or present.drift():
        return False
    return python is None or uv.find_python(python) == Path(present.python)


def _holds(present: Generation, install_plan: InstallPlan, python: str | None) -> bool:
    """Tell if the chosen profile is in use and up to date."""
    return os.fspath(install_plan.profile.path) == present.profile_path and _up_to_date(
        present, None, python
    )


def _sync(path: Path, install_plan: InstallPlan, progress: Progress) -> None:
    """From uv's cache where that holds everything, which asks no index; else by download."""
    sources = install_plan.sources
    if not sources.folder:
        try:
            uv.sync(path, install_plan.lock.path, sources=replace(sources, offline=True))
        except uv.UvError:
            if sources.offline:
                raise
        else:
            return
        from mlenv.environment.install import preflight

        preflight.indexes(install_plan.profile, install_plan.indexes)
    uv.sync(path, install_plan.lock.path, sources=sources, on_line=Downloads(progress.detail).line)


def _finish(path: Path, venv: Path) -> None:
    """Write into a generation what no wheel brings: links to libraries, launchers."""
    from mlenv.environment.generations import links
    from mlenv.environment.launch import site_packages
    from mlenv.environment.launchers import activate, commands

    links.link(site_packages(path))
    activate.write(path, venv)
    commands.write(path, venv)
