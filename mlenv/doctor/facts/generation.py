"""What mlenv itself put into the environment: generation, links, activation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlenv.machine.driver import Driver

# Launchers whose shims doctor looks at; `shells` is `activation`, the rest is only text to paste.
LAUNCHERS = ("commands", "jupyter", "vscode", "direnv")


@dataclass(frozen=True, slots=True)
class Launched:
    """A launcher's shim: `state` as `mlenv shim list` names it, the files, what is left to do."""

    launcher: str
    state: str
    files: tuple[str, ...] = ()
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """`managed`: built by mlenv. `drift`: what differs from the generation's record.
    `inputs_changed`: the profile or its lock is another since. `links_*`: as
    `generations.links` names them. `activation`: `ours`, `stale`, `foreign` or empty.
    `verified`: when `mlenv verify` last passed judgement; `changed_since`: what differs now."""

    managed: bool = False
    profile: str = ""
    lock: str = ""
    drift: tuple[str, ...] = ()
    inputs_changed: bool = False
    links_present: tuple[str, ...] = ()
    links_missing: tuple[str, ...] = ()
    links_broken: tuple[str, ...] = ()
    links_obstacle: str = ""
    activation: str = ""
    verified: str = ""
    changed_since: tuple[str, ...] = ()
    shims: tuple[Launched, ...] = ()


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
    """`venv` as the user named it (the activation), `prefix` where it really is. `directory`:
    the folder of a workspace, where some shims are. `quick` leaves out links and shims."""
    from mlenv.environment import generations
    from mlenv.environment.generations import links

    generation = generations.read(prefix)
    linked = links.Links() if quick else links.examine(packages)
    return Provisioned(
        generation is not None,
        generation.profile if generation else "",
        generation.lock_path if generation else "",
        generation.drift() if generation else (),
        generation is not None and not generation.lock_unchanged(),
        tuple(map(str, linked.present)),
        tuple(map(str, linked.missing)),
        tuple(map(str, linked.broken)),
        linked.obstacle,
        _activation(venv, prefix) if generation else "",
        *_verified(venv, generation.lock_sha256 if generation else None, driver, environ),
        tuple(_shims(venv, directory, environ)) if generation and not quick else (),
    )


def _shims(venv: Path, directory: Path, environ: Mapping[str, str]) -> Iterator[Launched]:
    from mlenv.environment.launchers import launcher
    from mlenv.result import MlenvError

    place = launcher.Place(venv, directory, environ)
    for name in LAUNCHERS:
        try:
            shim = launcher.load(name).look(place)
        except MlenvError as error:
            yield Launched(name, "unknown", (), error.message)
        else:
            yield Launched(name, shim.state, tuple(map(str, shim.files)), shim.todo)


def _verified(
    venv: Path, lock: str | None, driver: Driver, environ: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """When it was verified, and what is different now: lock, driver, GPUs, library files."""
    from mlenv.environment import receipts

    before = receipts.latest(venv, environ)
    if before is None:
        return "", ()
    now = {
        "lock_sha256": lock,
        "driver": driver.nvml.driver or driver.kernel or None,
        "gpus": [
            [gpu.name, f"{gpu.capability[0]}.{gpu.capability[1]}"]
            for gpu in driver.gpus
            if gpu.capability
        ],
        "libraries": [
            {"path": entry["path"], "bytes": _size(entry["path"])} for entry in before["libraries"]
        ],
        "rows": [],
    }
    try:
        return str(before["when"]), tuple(receipts.changes(before, now))
    except (KeyError, TypeError):
        return "", ()


def _size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except OSError:
        return None


def _activation(venv: Path, prefix: Path) -> str:
    from mlenv.environment.launch import library_path, site_packages
    from mlenv.environment.launchers import activate
    from mlenv.result import MlenvError

    script = prefix / "bin" / "activate"
    if not activate.is_ours(script):
        return "foreign" if script.exists() else ""
    try:
        rule = library_path(site_packages(prefix)).moved(prefix, venv)
        wanted = activate.scripts(venv, rule)["activate"]
        return "ours" if script.read_text("utf-8", "surrogateescape") == wanted else "stale"
    except (OSError, MlenvError, UnicodeError):
        return "stale"
