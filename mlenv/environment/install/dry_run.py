"""What `install` would do, and does not do: the answer of `--dry-run`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from mlenv.environment import generations, uv
from mlenv.environment.generations import Generation
from mlenv.environment.install import artifacts, changes, plan
from mlenv.environment.install.plan import InstallPlan, Request


def of(request: Request, venv: Path) -> dict[str, object]:
    """As JSON can carry it. `disk_bytes` is an estimate: what is not fetched yet can't be seen.

    `download_bytes` counts the files whose size the index tells; `unknown_size` names the rest.
    """
    present = generations.active(venv)
    wanted = request.profile or (present.profile_path if present and not request.bundle else None)
    taken = plan.take(replace(request, profile=wanted), venv)
    planned = _plan(taken)
    fetched = _files(taken, planned.fetches)
    download = artifacts.total(fetched)
    machine = taken.profile.machine
    growth = machine.disk_mb / machine.download_mb if machine.download_mb else 2.0
    return {
        "dry_run": True,
        "venv": os.fspath(venv),
        "profile": taken.profile.name,
        "why": taken.verdict.why,
        "passed_over": [
            {"profile": name, "reason": reason} for name, reason in taken.verdict.passed_over
        ],
        "changed": present is None or not _same(present, taken, planned),
        "changes": changes.between(
            present.distributions if present else (), planned.installs
        ).as_data(),
        "download": list(planned.fetches),
        "download_bytes": download,
        "unknown_size": [f"{file.package}=={file.version}" for file in fetched if not file.size],
        "disk_bytes": int(download * growth),
    }


def _plan(taken: InstallPlan) -> uv.Planned:
    """From uv's cache where that holds everything, as the installation would."""
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
