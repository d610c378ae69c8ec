"""Parts of the environment that mlenv wrote: generation, links, activation, launchers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlenv.doctor.facts.packages import normalized
from mlenv.machine.driver import Driver
from mlenv.result import MlenvError

# Launchers whose shims doctor looks at; `shells` is `activation`, the rest is only text to paste.
LAUNCHERS = ("commands", "jupyter", "vscode", "direnv")


@dataclass(frozen=True, slots=True)
class Launched:
    """A launcher's shim: `state` as `mlenv shim list` names it, the files, what is left to do.

    `gone`: the folder that it was installed into is not there any more.
    """

    launcher: str
    state: str
    files: tuple[str, ...] = ()
    todo: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Provisioned:
    """The state of an environment that mlenv built.

    `managed`: built by mlenv. `drift`: differences from the generation's record. `inputs_changed`:
    the profile or its lock has changed since. `links_*`: see `generations.links`. `activation`:
    `ours`, `stale`, `foreign` or empty. `overridden`: packages whose requirements the profile sets
    aside. `verified`: the time of the last receipt; `verify_failures`: what failed then;
    `changed_since`: what differs now.
    """

    managed: bool = False
    profile: str = ""
    lock: str = ""
    drift: tuple[str, ...] = ()
    inputs_changed: bool = False
    links_present: tuple[str, ...] = ()
    links_broken: tuple[str, ...] = ()
    links_obstacle: str = ""
    activation: str = ""
    verified: str = ""
    verify_failures: tuple[str, ...] = ()
    changed_since: tuple[str, ...] = ()
    shims: tuple[Launched, ...] = ()
    overridden: tuple[str, ...] = ()


def read(
    venv: Path,
    prefix: Path,
    packages: Path,
    driver: Driver,
    environ: Mapping[str, str],
    directory: Path,
    *,
    quick: bool,
) -> Provisioned:
    """Read the state of the environment at `venv`, the activation.

    `prefix`: its real directory. `directory`: the folder of a workspace, where some shims are.
    `quick` leaves out links and shims.
    """
    from mlenv.environment import generations
    from mlenv.environment.generations import links

    try:
        generation = generations.read(prefix)
    except MlenvError as error:  # damaged, or of a later mlenv: still mlenv's environment
        return Provisioned(True, drift=(error.message,))
    linked = links.Links() if quick else links.examine(packages)
    return Provisioned(
        generation is not None,
        generation.profile if generation else "",
        generation.lock_path if generation else "",
        generation.drift() if generation else (),
        generation is not None and not generation.lock_unchanged(),
        tuple(map(str, linked.present)),
        tuple(map(str, linked.broken)),
        linked.obstacle,
        _activation(venv, prefix) if generation else "",
        *_verified(venv, generation.lock_sha256 if generation else None, driver, environ),
        tuple(_shims(venv, directory, environ)) if generation and not quick else (),
        _overridden(str(generation.profile_file)) if generation else (),
    )


def _overridden(path: str) -> tuple[str, ...]:
    """Packages that the profile overrides or leaves out; none where it can't be read."""
    from packaging.requirements import Requirement

    from mlenv.environment.lockfile import profiles

    try:
        profile = profiles.load(path)
    except MlenvError:
        return ()
    names = [Requirement(each.requirement).name for each in profile.overrides]
    return tuple(map(normalized, (*names, *(each.package for each in profile.excludes))))


def _shims(venv: Path, directory: Path, environ: Mapping[str, str]) -> Iterator[Launched]:
    from mlenv.environment.launchers import commands, launcher

    place = launcher.Place(venv, directory, environ)
    for name in LAUNCHERS:
        try:
            shim = launcher.load(name).look(place)
        except MlenvError as error:
            yield Launched(name, "unknown", (), error.message)
        else:
            # `mlenv shim remove` leaves the folder.
            if name == "commands" and not os.path.isdir(folder := venv / commands.FOLDER):  # noqa: PTH112
                yield Launched(name, "outdated", (), f"{folder} is gone", gone=True)
            else:
                yield Launched(name, shim.state, tuple(map(str, shim.files)), shim.todo)


def _verified(
    venv: Path, lock: str | None, driver: Driver, environ: Mapping[str, str]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The time of the last receipt, what failed in it, and what differs now.

    That is: lock, driver, GPUs, library files.
    """
    from msgspec.structs import replace

    from mlenv.environment import receipts

    try:
        before = receipts.latest(venv, environ)
    except (MlenvError, OSError):  # there is no home, or none that may be read
        before = None
    if before is None:
        return "", (), ()
    now = replace(
        before,
        lock_sha256=lock,
        driver=driver.nvml.driver or driver.kernel or None,
        gpus=tuple(
            (gpu.name, f"{gpu.capability[0]}.{gpu.capability[1]}")
            for gpu in driver.gpus
            if gpu.capability
        ),
        libraries=tuple(receipts.library(each.path) for each in before.libraries),
        rows=(),
    )
    return before.when, receipts.failures(before), tuple(receipts.changes(before, now))


def _activation(venv: Path, prefix: Path) -> str:
    from mlenv.environment.launch import library_path, site_packages
    from mlenv.environment.launchers import activate

    script = prefix / "bin" / "activate"
    if not activate.is_ours(script):
        return "foreign" if script.exists() else ""
    try:
        rule = library_path(site_packages(prefix)).moved(prefix, venv)
        expected = activate.scripts(venv, rule)["activate"]
        return "ours" if script.read_text("utf-8", "surrogateescape") == expected else "stale"
    except (OSError, MlenvError, UnicodeError):
        return "stale"
