"""Plan an installation without carrying it out: `install --dry-run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from msgspec import Struct
from packaging.utils import canonicalize_name

from mlenv.environment import generations, uv
from mlenv.environment.generations import Generation
from mlenv.environment.install import artifacts, changes, consent, plan, preflight, select
from mlenv.environment.install.plan import InstallPlan
from mlenv.environment.install.request import Request, named
from mlenv.environment.lockfile.profiles import Profile


class DryRun(Struct, frozen=True, kw_only=True):
    """The result of `install --dry-run`.

    `download_bytes` counts the files whose size the index tells; `unknown_size` names the rest.
    `disk_bytes` is an estimate: the size of what is not fetched yet is not known. `losses` says
    what the environment is for and could do no more. `linked`: the files are shared with uv's
    cache, which is on the same file system.
    """

    dry_run: bool = True
    venv: Path
    profile: str
    why: str
    passed_over: tuple[select.PassedOver, ...]
    changed: bool
    changes: changes.Changes
    losses: tuple[str, ...] = ()
    download: tuple[str, ...]
    download_bytes: int
    unknown_size: tuple[str, ...]
    disk_bytes: int
    linked: bool = True


def of(request: Request, venv: Path) -> DryRun:
    """Plan an installation and do nothing; raises `MlenvError` as the installation would."""
    present, request = generations.active(venv), named(request, venv)
    use_present = present and not request.bundle and not request.profile
    profile = str(present.profile_file) if present and use_present else request.profile
    install_plan = plan.take(replace(request, profile=profile), venv)
    planned = _without_built(_plan(install_plan), install_plan.profile)
    fetched = _files(install_plan, planned.fetches)
    download = artifacts.total(fetched)
    machine = install_plan.profile.machine
    growth = machine.disk_mb / machine.download_mb if machine.download_mb else 2.0
    before = present.distributions if present else ()
    linked = preflight.links_to_cache(venv)
    change = changes.between(before, planned.installs)
    return DryRun(
        venv=venv,
        profile=install_plan.profile.name,
        why=install_plan.verdict.why,
        passed_over=install_plan.verdict.passed_over,
        changed=present is None
        or not _same(present, install_plan, planned)
        or not preflight.is_interpreter(present.python, request.python),
        changes=change,
        losses=consent.losses(change),
        download=planned.fetches,
        download_bytes=download,
        unknown_size=tuple(f"{file.package}=={file.version}" for file in fetched if not file.size),
        disk_bytes=int(download * growth) + (0 if linked else machine.disk_mb * 1_000_000),
        linked=linked,
    )


def _plan(install_plan: InstallPlan) -> uv.Planned:
    """Uv's plan, from its cache where that holds everything, as the installation would."""
    if not install_plan.sources.folder:
        try:
            return uv.plan(
                install_plan.lock.path,
                install_plan.python,
                replace(install_plan.sources, offline=True),
            )
        except uv.UvError:
            if install_plan.sources.offline:
                raise
    return uv.plan(install_plan.lock.path, install_plan.python, install_plan.sources)


def _without_built(planned: uv.Planned, profile: Profile) -> uv.Planned:
    """The plan without the download of what was built from source before, and is kept."""
    sources = {canonicalize_name(name) for name in profile.built_packages}
    if not any(fetch.partition("==")[0] in sources for fetch in planned.fetches):
        return planned
    cache = uv.cache_directory()
    fetches = [
        fetch
        for fetch in planned.fetches
        if fetch.partition("==")[0] not in sources or not uv.is_built(cache, *fetch.split("==", 1))
    ]
    return replace(planned, fetches=tuple(fetches))


def _files(install_plan: InstallPlan, fetches: tuple[str, ...]) -> list[artifacts.File]:
    if not fetches or install_plan.sources.folder:
        return []
    files = artifacts.of(install_plan.lock, install_plan.python, install_plan.sources)
    return [file for file in files if f"{file.package}=={file.version}" in fetches]


def _same(present: Generation, install_plan: InstallPlan, planned: uv.Planned) -> bool:
    return (
        present.inputs_unchanged()
        and present.lock_sha256 == install_plan.lock.sha256
        and not present.drift()
        and changes.between(present.distributions, planned.installs) == changes.NOTHING
    )
