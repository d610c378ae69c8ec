"""`mlenv lock`: pin every package of a profile, or check that the pins still fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from msgspec import Struct

from mlenv.cli.table import command, complete_profile, own_profiles_option
from mlenv.environment.generations import own_profiles
from mlenv.environment.lockfile import indexes, locks, profiles, recorded_index, resolve
from mlenv.files import write_atomically
from mlenv.result import DONE, FAILED, Problem, Result


class Row(Struct, frozen=True, kw_only=True):
    """One lock. `compared`: indexes that were asked; `idle_overrides`: those without effect.

    `spelled`: the profile as a command line names it.
    """

    profile: str
    spelled: str
    path: str
    packages: int
    sha256: str | None
    changed: bool
    compared: tuple[str, ...]
    idle_overrides: tuple[str, ...]
    problems: tuple[str, ...]


class Locks(Struct, frozen=True, kw_only=True):
    """The document of `mlenv lock`."""

    locks: tuple[Row, ...]


@command("lock", "mlenv lock cu124\nmlenv lock --check\nmlenv lock cu124 --upgrade-package av")
@click.argument("names", metavar="[PROFILE]..", nargs=-1, shell_complete=complete_profile)
@click.option("--check", is_flag=True, help="Only say whether the locks still fit.")
@click.option("--offline", is_flag=True, help="With --check: ask no index at all.")
@click.option("--index", "mirrors", metavar="NAME=URL", multiple=True, help="Use a mirror.")
@click.option(
    "--upgrade-package",
    "upgrade",
    metavar="NAME",
    multiple=True,
    help="Let this package move to a newer version; may be repeated.",
)
@own_profiles_option
def cli(
    names: tuple[str, ...],
    check: bool,
    offline: bool,
    mirrors: tuple[str, ...],
    upgrade: tuple[str, ...],
    venv: Path,
) -> Result[Locks]:
    """Write constraints/PROFILE.txt: every package pinned, with the sha256 of its files.

    For an index that can't be reached, public records of it are used; --check compares the
    records with an index that can.

    All shipped profiles, unless some are named. A profile file is named by its path,
    and what `mlenv add` made by its name.
    """
    own = own_profiles.of(venv)
    selected = [profiles.load(name, own) for name in names or _shipped()]
    config = indexes.load(mirrors)
    indexes.check_names(config, selected, mirrors)
    doubts: list[str] = []
    rows = tuple(
        _checked(profile, None if offline else config)
        if check
        else _locked(profile, upgrade, config, doubts)
        for profile in selected
    )
    code = FAILED if any(row.problems for row in rows) else DONE
    problems = tuple(
        Problem(
            "lock-does-not-fit",
            f"{row.profile}: {text}",
            row.path,
            f"`mlenv lock {row.spelled}` writes it anew.",
        )
        for row in rows
        for text in row.problems
    )
    return Result("lock", Locks(locks=rows), code, problems, tuple(doubts), in_text=True)


def _shipped() -> tuple[str, ...]:
    return (*profiles.names(), *profiles.extended())


def _checked(profile: profiles.Profile, config: indexes.Indexes | None) -> Row:
    try:
        lock = locks.read(profile)
    except FileNotFoundError:
        return _row(profile, None, ("there is no lock",), changed=False)
    problems, compared = list(locks.problems(profile, lock)), []
    for index in profile.indexes if config else ():
        if not recorded_index.releases(index.url):
            continue
        try:
            assert config is not None
            problems += recorded_index.differences(index.url, config.url(index))
        except (OSError, ValueError, LookupError):
            continue  # it can't be reached: what is recorded has to do
        compared.append(index.name)
    return _row(profile, lock, tuple(problems), changed=False, compared=compared)


def _locked(
    profile: profiles.Profile,
    upgrade: tuple[str, ...],
    config: indexes.Indexes,
    doubts: list[str],
) -> Row:
    # with a part more, a profile has the versions that it has without
    base = locks.load(profiles.load(profile.extends)).text if profile.extends else None
    lock = resolve.make(profile, indexes=config, upgrade=upgrade, previous=base)
    doubts += (f"{profile.name}: {line}" for line in resolve.doubts(lock))
    problems = locks.problems(profile, lock)
    before = lock.path.read_bytes() if lock.path.is_file() else b""
    changed = before != lock.text.encode() and not problems
    if changed:
        write_atomically(lock.path, lock.text)
    idle = resolve.idle_overrides(profile, lock, config)
    return _row(profile, lock, problems, changed=changed, idle=idle)


def _row(
    profile: profiles.Profile,
    lock: locks.Lock | None,
    problems: tuple[str, ...],
    *,
    changed: bool,
    compared: Sequence[str] = (),
    idle: Sequence[str] = (),
) -> Row:
    return Row(
        profile=profile.name,
        spelled=profile.spelled,
        path=str(profile.lock_path),
        packages=len(lock.pins) if lock else 0,
        sha256=lock.sha256 if lock else None,
        changed=changed,
        compared=tuple(compared),
        idle_overrides=tuple(idle),
        problems=problems,
    )
