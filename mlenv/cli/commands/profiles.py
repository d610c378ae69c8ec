"""`mlenv profiles`: what can be installed, on which machines, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from mlenv.cli.table import command
from mlenv.environment.install import plan, select
from mlenv.environment.lockfile import indexes, locks, profiles
from mlenv.environment.lockfile.profiles import Profile
from mlenv.machine import host
from mlenv.machine.host import Host
from mlenv.result import WRONG_USAGE, MlenvError, Result


@command(
    "profiles",
    "mlenv profiles\nmlenv profiles show cu121\n"
    "mlenv profiles diff cu124 cu128\nmlenv profiles why",
)
@click.argument("action", default="list", metavar="[list|show|diff|why]")
@click.argument("names", nargs=-1, metavar="[PROFILE]..")
def cli(action: str, names: tuple[str, ...]) -> Result[Any]:
    """List the profiles and which of them this machine can run.

    \b
    list       all of them (asks nobody)
    show NAME  what one holds and needs, and why each override is there
    diff A B   what differs between two: packages, versions, machine
    why        which one `install auto` takes, and why not the others (asks their indexes)
    """
    actions: dict[str, tuple[int, Callable[..., dict[str, Any]]]] = {
        "list": (0, _list),
        "show": (1, _show),
        "diff": (2, _diff),
        "why": (0, _why),
    }
    if action not in actions:
        raise MlenvError(
            "usage",
            f"`mlenv profiles {action}` is nothing to do.",
            f"It can {', '.join(actions)}.",
            exit_code=WRONG_USAGE,
        )
    count, act = actions[action]
    if len(names) != count:
        raise MlenvError(
            "usage",
            f"`mlenv profiles {action}` wants {count} profile names, not {len(names)}.",
            f"There are: {', '.join(profiles.names())}.",
            exit_code=WRONG_USAGE,
        )
    return Result("profiles", act(*names), view={"action": action})


def _list() -> dict[str, Any]:
    machine = host.collect()
    ordered = sorted(profiles.names(), key=_rank)
    return {
        "machine": _machine(machine),
        "profiles": [_row(profiles.load(name), machine) for name in ordered],
    }


def _rank(name: str) -> tuple[int, str]:
    known = select.PREFERENCE
    return (known.index(name) if name in known else len(known), name)


def _row(profile: Profile, machine: Host) -> dict[str, Any]:
    verdict = select.judge(profile, machine)
    return {
        "name": profile.name,
        "for": profile.purpose,
        "runs": not verdict.against,
        "why": verdict.why if not verdict.against else "",
        "against": list(verdict.against),
    }


def _show(name: str) -> dict[str, Any]:
    profile = profiles.load(name)
    lock = locks.load(profile)
    origin = {package: index.name for index in profile.indexes for package in index.packages}
    return {
        **_row(profile, host.collect()),
        "path": str(profile.path),
        "lock": str(lock.path),
        "python": profile.python,
        "platforms": list(profile.platforms),
        "resolved_as_of": profile.resolved_as_of,
        "requires": list(profile.requires),
        "pins": {name: list(versions) for name, versions in _versions(profile).items()},
        "overrides": [asdict(item) for item in profile.overrides],
        "excludes": [asdict(item) for item in profile.excludes],
        "indexes": [
            {"name": i.name, "url": i.url, "packages": list(i.packages)} for i in profile.indexes
        ],
        "family": {
            "packages": list(profile.family.packages),
            "index": profile.family.index,
            "local": profile.family.local,
        },
        "from": origin,
        "needs": _needs(profile),
    }


def _versions(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Every package of the lock with its version: several where platforms or Pythons differ."""
    found: dict[str, tuple[str, ...]] = {}
    for pin in locks.load(profile).pins:
        found[pin.name] = (*found.get(pin.name, ()), pin.version)
    return found


def _needs(profile: Profile) -> dict[str, Any]:
    needs = asdict(profile.machine)
    return {**needs, "gpu": list(profile.machine.gpu), "python": profile.python}


def _diff(one: str, other: str) -> dict[str, Any]:
    a, b = profiles.load(one), profiles.load(other)
    before, after = _versions(a), _versions(b)
    here, there = _needs(a), _needs(b)
    return {
        "profiles": [a.name, b.name],
        "only": [
            {name: list(before[name]) for name in sorted(before.keys() - after.keys())},
            {name: list(after[name]) for name in sorted(after.keys() - before.keys())},
        ],
        "versions": {
            name: [list(before[name]), list(after[name])]
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        },
        "needs": {key: [here[key], there[key]] for key in here if here[key] != there[key]},
    }


def _why() -> dict[str, Any]:
    given = indexes.load()
    verdict = select.selected(None, lambda profile: plan.unavailable(profile, given))
    return {
        "machine": _machine(host.collect()),
        "profile": verdict.profile.name,
        "why": verdict.why,
        "passed_over": [
            {"profile": name, "reason": reason} for name, reason in verdict.passed_over
        ],
    }


def _machine(machine: Host) -> dict[str, Any]:
    return {**asdict(machine), "gpus": [list(gpu) for gpu in machine.gpus]}
