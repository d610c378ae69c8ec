"""Plan an installation without carrying it out: `install --dry-run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from msgspec import Struct

from mlenv.environment import generations, uv
from mlenv.environment.generations import Generation
from mlenv.environment.install import artifacts, changes, plan, select
from mlenv.environment.install.plan import InstallPlan, Request


class DryRun(Struct, frozen=True, kw_only=True):
    """The result of `install --dry-run`.

    `download_bytes` counts the files whose size the index tells; `unknown_size` names the rest.
    `disk_bytes` is an estimate: the size of what is not fetched yet is not known.
    """

    dry_run: bool = True
    venv: Path
    profile: str
    why: str
    passed_over: tuple[select.PassedOver, ...]
    changed: bool
    changes: changes.Changes
    download: tuple[str, ...]
    download_bytes: int
    unknown_size: tuple[str, ...]
    disk_bytes: int


def of(request: Request, venv: Path) -> DryRun:
    """Plan an installation and do nothing; raises `MlenvError` as the installation would."""
    present = generations.active(venv)
    profile = request.profile or (present.profile_path if present and not request.bundle else None)
    taken = plan.take(replace(request, profile=profile), venv)
    planned = _plan(taken)
    fetched = _files(taken, planned.fetches)
    download = artifacts.total(fetched)
    machine = taken.profile.machine
    growth = machine.disk_mb / machine.download_mb if machine.download_mb else 2.0
    before = present.distributions if present else ()
    return DryRun(
        venv=venv,
        profile=taken.profile.name,
        why=taken.verdict.why,
        passed_over=taken.verdict.passed_over,
        changed=present is None or not _same(present, taken, planned),
        changes=changes.between(before, planned.installs),
        download=planned.fetches,
        download_bytes=download,
        unknown_size=tuple(f"{file.package}=={file.version}" for file in fetched if not file.size),
        disk_bytes=int(download * growth),
    )


def _plan(taken: InstallPlan) -> uv.Planned:
    """Uv's plan, from its cache where that holds everything, as the installation would."""
    if not taken.sources.folder:
        try:
            return uv.plan(taken.lock.path, taken.python, replace(taken.sources, offline=True))
        except uv.UvError:
            if taken.sources.offline:
                raise
    return uv.plan(taken.lock.path, taken.python, taken.sources)


def _files(taken: InstallPlan, fetches: tuple[str, ...]) -> list[artifacts.File]:
    if not fetches or taken.sources.folder:
        return []
    files = artifacts.of(taken.lock, taken.python, taken.sources)
    return [file for file in files if f"{file.package}=={file.version}" in fetches]


def _same(present: Generation, taken: InstallPlan, planned: uv.Planned) -> bool:
    return (
        present.inputs_unchanged()
        and present.lock_sha256 == taken.lock.sha256
        and not present.drift()
        and changes.between(present.distributions, planned.installs) == changes.NOTHING
    )
