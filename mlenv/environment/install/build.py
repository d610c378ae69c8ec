"""Build a generation from a profile and its lock, and activate it in one step."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct, UnsetType

from mlenv.environment import generations, uv
from mlenv.environment.generations import Generation, activation, creation
from mlenv.environment.install import changes, listing, whole
from mlenv.environment.install.changes import NOTHING, Changes
from mlenv.environment.install.request import Request, named
from mlenv.environment.install.select import PassedOver
from mlenv.environment.uv.downloads import Downloads
from mlenv.environment.uv.failures import UNSAFE_WHEEL
from mlenv.progress import Progress
from mlenv.result import MlenvError

if TYPE_CHECKING:
    from mlenv.environment.install.plan import InstallPlan


class Installed(Struct, frozen=True, kw_only=True):
    """The result of `install`. `kept`: path of the directory that was moved aside, if any.

    `passed_over`: profiles that would have been preferred. `unused_indexes`: those of --index,
    where it was up to date and nothing was asked of any index.
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
    unused_indexes: tuple[str, ...] | UnsetType = UNSET


def install(venv: Path, request: Request, progress: Progress) -> Installed:
    """Build a generation of a profile and activate it; nothing where that is done already.

    Without a profile: the one in use, else the best that this machine can run. Waits while
    another process changes the environment.
    """
    began = time.monotonic()
    request = named(request, venv)
    if request.mirrors:
        from mlenv.environment.install import plan

        plan.configured(request)
    if (present := _up_to_date(venv, request)) and not activation.is_cut(venv):
        return unchanged(venv, present, began=began, unused=request.mirrors)

    from mlenv.environment.install import plan, preflight

    preflight.location(venv)
    plan.check(request)
    with generations.locked(venv, progress, wait=request.wait):
        activation.settle(venv)
        if present := _up_to_date(venv, request):  # another process may have built it meanwhile
            return unchanged(venv, present, began=began, unused=request.mirrors)
        progress.step("Checking this machine")
        present = _present(venv, request)
        if present and not request.profile and not request.bundle:
            request = replace(request, profile=os.fspath(present.profile_file))
        install_plan = plan.take(request, venv)
        verdict = install_plan.verdict
        if present and not request.rebuild and _holds(present, install_plan, request):
            progress.end()
            why, others = verdict.why, verdict.passed_over
            return unchanged(venv, present, why, began, others, request.mirrors)
        progress.detail(f"profile {verdict.profile.name}: {verdict.why}")
        generation = _build(venv, install_plan, request, progress)
        aside = activation.switch(venv, generation.path)
    progress.end()
    before = present.distributions if present else ()
    return Installed(
        venv=venv,
        profile=generation.profile,
        why=verdict.why,
        changed=True,
        changes=changes.between(before, generation.distributions),
        passed_over=verdict.passed_over,
        generation=generation,
        kept=aside,
        seconds=round(time.monotonic() - began, 2),
    )


def _build(
    venv: Path, install_plan: InstallPlan, request: Request, progress: Progress
) -> Generation:
    """Build the generation: whole, and with its imports tried, or not at all."""

    def fill(path: Path) -> None:
        progress.step(f"Making a venv with Python {install_plan.python}")
        installs = _sync(path, install_plan, progress)
        try:
            whole.check(path, install_plan.lock, installs)
        except whole.NotWhole as error:
            if not error.packages or request.offline:
                raise
            progress.failed(error.message)
            uv.forget(error.packages)  # edited or damaged in uv's cache: fetch them again
            shutil.rmtree(path)
            installs = _sync(path, install_plan, progress)
            whole.check(path, install_plan.lock, installs)
        progress.step("Setting up the launchers")
        _finish(path, venv)
        progress.step("Importing what speech programs import")
        whole.imports(path)

    profile = install_plan.profile
    folder = install_plan.bundle.path if install_plan.bundle else None
    own = request.own or generations.holds(venv, profile.path)
    own = own or (folder is not None and profile.path.is_relative_to(folder))
    return creation.create(venv, profile, install_plan.lock, fill, own=own)


def unchanged(
    venv: Path,
    present: Generation,
    why: str = "in use",
    began: float | None = None,
    passed_over: tuple[PassedOver, ...] = (),
    unused: tuple[str, ...] = (),
) -> Installed:
    """The result where there was nothing to do."""
    return Installed(
        venv=venv,
        profile=present.profile,
        why=why,
        changed=False,
        passed_over=passed_over,
        generation=present,
        seconds=round(time.monotonic() - began, 2) if began else 0.0,
        unused_indexes=tuple(each.partition("=")[0] for each in unused) or UNSET,
    )


def _present(venv: Path, request: Request) -> Generation | None:
    """The active generation. With a profile's name a damaged record is no obstacle."""
    try:
        return generations.active(venv)
    except MlenvError:
        if request.profile is None:
            raise
        return None


def _up_to_date(venv: Path, request: Request) -> Generation | None:
    """The active generation if it is what was requested. Reads little: it must be quick."""
    present = _present(venv, request)
    if present is None or request.rebuild or request.bundle:
        return None
    names = (present.profile, present.profile_path, str(present.profile_file))
    if request.profile and not {request.profile, os.path.abspath(request.profile)} & {*names}:  # noqa: PTH100
        return None
    if not present.inputs_unchanged():
        return None
    return present if _is_sound(present, request.python) else None


def _is_sound(present: Generation, python: str | None) -> bool:
    if present.drift():
        return False
    if python is None:  # the quick way: it loads nothing more
        return True
    from mlenv.environment.install import preflight

    return preflight.is_interpreter(present.python, python)


def _holds(present: Generation, install_plan: InstallPlan, request: Request) -> bool:
    """Tell if the active generation was built from the lock of the plan, which fits its profile."""
    same = present.lock_sha256 == install_plan.lock.sha256
    return same and _is_sound(present, request.python)


def _sync(path: Path, install_plan: InstallPlan, progress: Progress) -> tuple[str, ...]:
    """Make a venv at `path` from uv's cache where that holds everything, else by download.

    Returns what was installed. A venv that was filled halfway is never filled further: to uv,
    a package is installed once its metadata is there.
    """
    sources, lock = install_plan.sources, install_plan.lock.path
    if sources.folder:
        listing.check(sources.folder)
    uv.create_venv(path, install_plan.python, offline=sources.offline)
    progress.step("Installing what the lock names for this machine")
    if not sources.folder:
        try:
            return uv.sync(path, lock, sources=replace(sources, offline=True))
        except uv.UvError:
            if sources.offline:
                raise
        from mlenv.environment.install import preflight

        preflight.indexes(install_plan.profile, install_plan.indexes)
        shutil.rmtree(path)
        uv.create_venv(path, install_plan.python, offline=sources.offline)
    cache = uv.cache_directory()
    uv.sweep(cache)
    try:
        on_line = Downloads(progress.detail).line
        return uv.sync(path, lock, sources=sources, on_line=on_line, watch=uv.Watch(cache, path))
    except uv.UvError as error:
        uv.sweep(cache)
        if error.code != UNSAFE_WHEEL and sources.folder:
            raise listing.damaged(error, sources.folder) from error
        if error.code != UNSAFE_WHEEL:
            raise
        python = str(path / "bin/python")
        raise listing.refusal(error, install_plan.lock, python, sources) from error


def _finish(path: Path, venv: Path) -> None:
    """Write into a generation what no wheel brings: links to libraries, launchers."""
    from mlenv.environment.generations import links
    from mlenv.environment.launch import site_packages
    from mlenv.environment.launchers import activate, commands

    links.link(site_packages(path))
    activate.write(path, venv)
    commands.write(path, venv)
