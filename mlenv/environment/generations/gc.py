"""Remove generations that nobody uses, and uninstall an environment."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlenv.environment import generations, in_use
from mlenv.environment.generations import Generation, activation, rollback, users
from mlenv.environment.generations.disk_usage import size
from mlenv.environment.install import consent
from mlenv.files import owner
from mlenv.progress import Progress
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of `collect`: bytes freed, and (generation, pids) that stay because of use."""

    removed: tuple[Generation, ...]
    freed: int
    in_use: tuple[tuple[Generation, tuple[int, ...]], ...]


def collect(
    venv: Path,
    keep: int,
    progress: Progress | None = None,
    asking: consent.Ask = consent.nobody,
    *,
    wait: bool = True,
) -> Collected:
    """Remove generations but the active one and the newest, `keep` in all; never one in use.

    Asks before gigabytes go. Raises `MlenvError` where the active one's record can't be read;
    others like that stay.
    """
    if not generations.store(venv).is_dir():
        return Collected((), 0, ())
    with generations.locked(venv, progress, wait=wait):
        activation.settle(venv)
        planned = surplus(venv, keep)
        if planned.freed >= consent.BIG:
            many = f"{len(planned.removed)} generation{'s' * (len(planned.removed) > 1)}"
            consent.ask([f"{many} with {planned.freed / 1e9:.1f} GB go for good"], asking)
        used = [*planned.in_use]
        removed, freed = [], 0
        for generation in planned.removed:
            own = size(generation.path).own
            _keep_own_profile(venv, generation)
            if _is_active(generation, venv) or not remove(generation.path):
                used.append((generation, ()))
                continue
            removed.append(generation)
            freed += own
    return Collected(tuple(removed), freed, tuple(used))


def surplus(venv: Path, keep: int) -> Collected:
    """Plan `collect`, and do nothing."""
    active = generations.active(venv)
    others = [g for g in generations.all_of(venv) if not _is_active(g, venv)]
    spare = max(keep - (active is not None), 0)
    old = others[: len(others) - spare] if spare < len(others) else []
    used = users.users([g.path for g in old], venv)
    removed = tuple(g for g in old if g.path not in used)
    freed = sum(size(g.path).own for g in removed)
    return Collected(removed, freed, tuple((g, used[g.path]) for g in old if g.path in used))


def _is_active(generation: Generation, venv: Path) -> bool:
    """Compare by device and inode: a parent of either path may be a symlink."""
    try:
        return generation.path.samefile(venv)
    except OSError:
        return False


def remove(path: Path) -> bool:
    """Remove a generation; False if a program holds it (see `in_use`).

    Its record goes first, so that a half-removed one is no generation.
    """
    record = path / generations.RECORD
    if record.exists():
        descriptor = in_use.claim(path)
        if descriptor is None:
            return False
        record.unlink()
        os.close(descriptor)
    shutil.rmtree(path)
    return True


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """The result of `uninstall`. `left`: the user's own files; `restored`: the venv put back."""

    removed: tuple[Path, ...]
    left: tuple[Path, ...]
    restored: Path | None


def uninstall(
    venv: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
    asking: consent.Ask = consent.nobody,
    wait: bool = True,
) -> Uninstalled:
    """Remove the environment with all its generations; put back what was there before. Asks."""
    refuse_absent(venv)
    store = generations.store(venv)
    with generations.locked(venv, progress, wait=wait):
        activation.settle(venv)
        _refuse_foreign(venv)
        consent.ask([all_that_goes(venv)], asking)
        folders = sorted((store / "generations").glob("*/"))
        if (used := users.users(folders, venv)) and not force:
            path, pids = next(iter(used.items()))
            raise _busy(path, pids)
        claims = [_claim(path, force) for path in folders]
        _keep_own_profiles(venv)
        restored = None
        if activation.is_activation(venv):
            if before := rollback.kept(venv):
                rollback.restore(venv, before[-1])
                restored = venv
            else:
                venv.unlink()
        for path, claim in zip(folders, claims, strict=True):
            (path / generations.RECORD).unlink(missing_ok=True)
            shutil.rmtree(path)
            if claim is not None:
                os.close(claim)
        left = [path for path in store.iterdir() if path.name == "profiles"]
        # With the lock's own file: whoever waits for it makes a new one.
        for path in store.iterdir():
            if path not in left:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not left:
            store.rmdir()
    return Uninstalled(tuple(folders), tuple(left), restored)


def refuse_absent(venv: Path) -> None:
    """Raise `MlenvError` where there is nothing of mlenv's to remove."""
    # A store without generations is what a killed one left: it goes now.
    if not generations.store(venv).is_dir() and not activation.is_activation(venv):
        raise generations.absent(venv, "Nothing to remove: ")


def all_that_goes(venv: Path) -> str:
    """A sentence about what `uninstall` takes away, with its size."""
    folders = sorted((generations.store(venv) / "generations").glob("*/"))
    freed = sum(size(path).own for path in folders)
    many = f"{len(folders)} generation{'' if len(folders) == 1 else 's'}"
    return f"{venv} with {many} goes for good, which frees {freed / 1e6:.1f} MB"


def _refuse_foreign(venv: Path) -> None:
    """Raise `MlenvError`, before anything is gone, for a folder that this user can't empty."""
    for folder in (venv.parent, *generations.store(venv).glob("generations/*/")):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise MlenvError(
                "not-writable",
                f"{folder} can't be emptied by this user: it belongs to {owner(folder)}.",
                f"Nothing was removed. Give it to this user: `sudo chown -R {os.getuid()} "
                f"{shlex.quote(str(generations.store(venv)))}`.",
            )


def _keep_own_profiles(venv: Path) -> None:
    """Put the newest of each of the user's own profiles beside the generations that go."""
    for generation in generations.all_of(venv):
        _keep_own_profile(venv, generation)


def _keep_own_profile(venv: Path, generation: Generation) -> None:
    place = generations.store(venv) / "profiles"
    if generation.origin == "own":
        place.mkdir(exist_ok=True)
        for file in (generation.profile_file, generation.lock_file):
            shutil.copy2(file, place / file.name)


def _claim(path: Path, force: bool) -> int | None:
    if not (path / generations.RECORD).exists():
        return None
    claim = in_use.claim(path)
    if claim is None and not force:
        raise _busy(path, ())
    return claim


def _busy(path: Path, pids: Sequence[int]) -> MlenvError:
    who = f"process {', '.join(map(str, pids[:5]))}" if pids else "a program of another user"
    return MlenvError("in-use", f"{path.name} is in use by {who}.", "End it first, or use --force.")
