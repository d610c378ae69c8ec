"""`mlenv profiles`: the profiles that can be installed, the machines they suit, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from msgspec import Struct, field

from mlenv.cli import completion
from mlenv.cli.table import command, complete_profile, own_profiles_option
from mlenv.environment.generations import own_profiles
from mlenv.environment.install import plan, select
from mlenv.environment.install.select import PassedOver
from mlenv.environment.lockfile import indexes, locks, profiles
from mlenv.environment.lockfile.profile_file import Exclusion, Override, SourceBuild
from mlenv.environment.lockfile.profiles import Profile
from mlenv.machine import host
from mlenv.machine.host import Host
from mlenv.result import WRONG_USAGE, MlenvError, Result


class Row(Struct, frozen=True, kw_only=True):
    """A profile on this machine. `against`: the reasons why it can't run here."""

    name: str
    purpose: str = field(name="for")
    runs: bool
    why: str
    against: tuple[str, ...]


class Listing(Struct, frozen=True, kw_only=True):
    """The document of `mlenv profiles`."""

    machine: Host
    profiles: tuple[Row, ...]


class IndexRow(Struct, frozen=True, kw_only=True):
    """An index of the profile, and the packages that come from it alone."""

    name: str
    url: str
    packages: tuple[str, ...]


class FamilyRow(Struct, frozen=True, kw_only=True):
    """Packages compiled against each other."""

    packages: tuple[str, ...]
    index: str | None
    local: str | None


class Needs(Struct, frozen=True, kw_only=True):
    """Requirements to the machine; sizes in MB."""

    cuda: str | None
    driver: str | None
    glibc: str | None
    gpu: tuple[str, ...]
    download_mb: int
    disk_mb: int
    python: str


class Shown(Row, frozen=True, kw_only=True):
    """The document of `mlenv profiles show`. `source`: the index of each package with its own."""

    path: str
    lock: str
    python: str
    platforms: tuple[str, ...]
    resolved_as_of: str
    requires: tuple[str, ...]
    pins: dict[str, tuple[str, ...]]
    overrides: tuple[Override, ...]
    excludes: tuple[Exclusion, ...]
    builds: tuple[SourceBuild, ...]
    indexes: tuple[IndexRow, ...]
    family: FamilyRow
    source: dict[str, str] = field(name="from")
    needs: Needs


class Difference(Struct, frozen=True, kw_only=True):
    """The document of `mlenv profiles diff`: pairs of the first and the second profile."""

    profiles: tuple[str, str]
    only: tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]
    versions: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    needs: dict[str, tuple[object, object]]


class Choice(Struct, frozen=True, kw_only=True):
    """The document of `mlenv profiles why`."""

    machine: Host
    profile: str
    why: str
    passed_over: tuple[PassedOver, ...]


Record = Listing | Shown | Difference | Choice


@command(
    "profiles",
    "mlenv profiles\nmlenv profiles show cu121\n"
    "mlenv profiles diff cu124 cu128\nmlenv profiles why",
)
@click.argument(
    "action",
    default="list",
    metavar="[list|show|diff|why]",
    shell_complete=completion.words("list", "show", "diff", "why"),
)
@click.argument("names", nargs=-1, metavar="[PROFILE]..", shell_complete=complete_profile)
@own_profiles_option
def cli(action: str, names: tuple[str, ...], venv: Path) -> Result[Record]:
    """List the profiles and which of them this machine can run.

    \b
    list       all profiles (works offline)
    show NAME  packages and requirements of one, with the reason for each override
    diff A B   differences in packages, versions and requirements
    why        the one that `install auto` chooses, and why (asks the package indexes)
    """
    actions: dict[str, tuple[int, Callable[..., Record]]] = {
        "list": (0, _list),
        "show": (1, _show),
        "diff": (2, _diff),
        "why": (0, _why),
    }
    if action not in actions:
        raise MlenvError(
            "usage",
            f"Unknown action `{action}`.",
            "Choose list, show, diff or why.",
            exit_code=WRONG_USAGE,
        )
    count, act = actions[action]
    if len(names) != count:
        raise MlenvError(
            "usage",
            f"`mlenv profiles {action}` takes {count} profile names, not {len(names)}.",
            f"There are: {', '.join(profiles.names())}.",
            exit_code=WRONG_USAGE,
        )
    own = own_profiles.of(venv) if names else {}
    record = act(*(profiles.load(name, own) for name in names))
    return Result("profiles", record, warnings=_doubt(record))


def _list() -> Listing:
    machine = host.collect()
    ordered = sorted(profiles.names(), key=_rank)
    return Listing(
        machine=machine, profiles=tuple(_row(profiles.load(name), machine) for name in ordered)
    )


def _rank(name: str) -> tuple[int, str]:
    order = select.PREFERENCE
    return (order.index(name) if name in order else len(order), name)


def _row(profile: Profile, machine: Host) -> Row:
    verdict = select.judge(profile, machine)
    return Row(
        name=profile.name,
        purpose=profile.purpose,
        runs=not verdict.against,
        why=verdict.why if not verdict.against else "",
        against=verdict.against,
    )


def _show(profile: Profile) -> Shown:
    lock = locks.load(profile)
    row = _row(profile, host.collect())
    return Shown(
        name=row.name,
        purpose=row.purpose,
        runs=row.runs,
        why=row.why,
        against=row.against,
        path=str(profile.path),
        lock=str(lock.path),
        python=profile.python,
        platforms=profile.platforms,
        resolved_as_of=profile.resolved_as_of,
        requires=profile.requires,
        pins=_versions(profile),
        overrides=profile.overrides,
        excludes=profile.excludes,
        builds=profile.builds,
        indexes=tuple(
            IndexRow(name=i.name, url=i.url, packages=i.packages) for i in profile.indexes
        ),
        family=FamilyRow(
            packages=profile.family.packages,
            index=profile.family.index,
            local=profile.family.local,
        ),
        source={package: index.name for index in profile.indexes for package in index.packages},
        needs=_needs(profile),
    )


def _versions(profile: Profile) -> dict[str, tuple[str, ...]]:
    """Every package of the lock with its version: several where platforms or Pythons differ."""
    versions: dict[str, tuple[str, ...]] = {}
    for pin in locks.load(profile).pins:
        versions[pin.name] = (*versions.get(pin.name, ()), pin.version)
    return versions


def _needs(profile: Profile) -> Needs:
    machine = profile.machine
    return Needs(
        cuda=machine.cuda,
        driver=machine.driver,
        glibc=machine.glibc,
        gpu=machine.gpu,
        download_mb=machine.download_mb,
        disk_mb=machine.disk_mb,
        python=profile.python,
    )


def _diff(first: Profile, second: Profile) -> Difference:
    before, after = _versions(first), _versions(second)
    needs = (_needs(first), _needs(second))
    return Difference(
        profiles=(first.name, second.name),
        only=(
            {name: before[name] for name in sorted(before.keys() - after.keys())},
            {name: after[name] for name in sorted(after.keys() - before.keys())},
        ),
        versions={
            name: (before[name], after[name])
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        },
        needs={
            key: (getattr(needs[0], key), getattr(needs[1], key))
            for key in Needs.__struct_fields__
            if getattr(needs[0], key) != getattr(needs[1], key)
        },
    )


def _doubt(choice: Record) -> tuple[str, ...]:
    """A warning where what is chosen can't be fetched now."""
    if not isinstance(choice, Choice):
        return ()
    reason = plan.unreachable(profiles.load(choice.profile), indexes.load())
    return (f"{choice.profile} can't be installed now: {reason}",) if reason else ()


def _why() -> Choice:
    config = indexes.load()
    verdict = select.selected(None, lambda profile: plan.unavailable(profile, config))
    return Choice(
        machine=host.collect(),
        profile=verdict.profile.name,
        why=verdict.why,
        passed_over=verdict.passed_over,
    )
