"""`mlenv lock`: pin every package of a profile, or say whether the pins still fit."""

from __future__ import annotations

from typing import Any

import click

from mlenv import locks, profiles
from mlenv.cli import command, complete_profile
from mlenv.files import write_atomically
from mlenv.result import DONE, FAILED, Result


@command("lock", "mlenv lock cu124\nmlenv lock --check\nmlenv lock cu124 --upgrade-package av")
@click.argument("names", metavar="[PROFILE]..", nargs=-1, shell_complete=complete_profile)
@click.option("--check", is_flag=True, help="Only say whether the locks fit; asks no index.")
@click.option(
    "--upgrade-package",
    "upgrade",
    metavar="NAME",
    multiple=True,
    help="Let this package move to a newer version; may be repeated.",
)
def cli(names: tuple[str, ...], check: bool, upgrade: tuple[str, ...]) -> Result:
    """Write constraints/PROFILE.txt: every package pinned, with the sha256 of its files.

    All shipped profiles, unless some are named. A profile file is named by its path.
    """
    wanted = [profiles.load(name) for name in names or profiles.names()]
    rows = [_checked(profile) if check else _locked(profile, upgrade) for profile in wanted]
    return Result("lock", {"locks": rows}, FAILED if any(row["problems"] for row in rows) else DONE)


def _checked(profile: profiles.Profile) -> dict[str, Any]:
    try:
        lock = locks.parse(profile.lock_path, profile.lock_path.read_text("utf-8"))
    except FileNotFoundError:
        return _row(profile, None, ("there is no lock",), changed=False)
    return _row(profile, lock, locks.problems(profile, lock), changed=False)


def _locked(profile: profiles.Profile, upgrade: tuple[str, ...]) -> dict[str, Any]:
    lock = locks.make(profile, upgrade=upgrade)
    before = lock.path.read_text("utf-8") if lock.path.is_file() else ""
    if before != lock.text:
        write_atomically(lock.path, lock.text)
    return _row(profile, lock, locks.problems(profile, lock), changed=before != lock.text)


def _row(
    profile: profiles.Profile, lock: locks.Lock | None, problems: tuple[str, ...], *, changed: bool
) -> dict[str, Any]:
    return {
        "profile": profile.name,
        "path": str(profile.lock_path),
        "packages": len(lock.pins) if lock else 0,
        "sha256": lock.sha256 if lock else None,
        "changed": changed,
        "problems": list(problems),
    }
