"""Remove generations that nobody uses, and uninstall an environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlenv.environment import generations
from mlenv.environment.generations import Generation, rollback
from mlenv.environment.generations.disk_usage import size
from mlenv.progress import Progress
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of `collect`: bytes freed, and (generation, pids) that stay because of use."""

    removed: tuple[Generation, ...]
    freed: int
    in_use: tuple[tuple[Generation, tuple[int, ...]], ...]


def users(paths: Sequence[Path]) -> dict[Path, tuple[int, ...]]:
    """The processes that use each of these directories: mapped files, working directory, command.

    Processes of other users can't be looked into. Without /proc nothing is known.
    """
    pids: dict[Path, list[int]] = {path: [] for path in paths}
    for process in Path("/proc").glob("[0-9]*"):
        traces = "\n".join(_traces(process))
        for path in paths:
            if int(process.name) != os.getpid() and f"{path}/" in f"{traces}/":
                pids[path].append(int(process.name))
    return {path: tuple(sorted(users)) for path, users in pids.items() if users}


def _traces(process: Path) -> Iterator[str]:
    for name in ("exe", "cwd"):
        try:
            yield f"{(process / name).readlink()}/"
        except OSError:
            continue
    for name in ("maps", "cmdline"):
        try:
            yield (process / name).read_text("utf-8", "replace").replace("\0", "\n")
        except OSError:
            continue


def collect(venv: Path, keep: int, progress: Progress | None = None) -> Collected:
    """Remove generations but the active one and the newest, `keep` in all; never one in use.

    Raises `MlenvError` where the active one's record can't be read; others like that stay.
    """
    with generations.locked(venv, progress):
        generations.remove_unfinished(venv)
        active = generations.active(venv)
        others = [g for g in generations.all_of(venv) if not _is_active(g, venv)]
        spare = max(keep - (active is not None), 0)
        surplus = others[: len(others) - spare] if spare < len(others) else []
        used = users([g.path for g in surplus])
        removed = tuple(g for g in surplus if g.path not in used)
        freed = sum(size(g.path).own for g in removed)
        for generation in removed:
            remove(generation.path)
    in_use = tuple((g, used[g.path]) for g in surplus if g.path in used)
    return Collected(removed, freed, in_use)


def _is_active(generation: Generation, venv: Path) -> bool:
    """Compare by device and inode: a parent of either path may be a symlink."""
    try:
        return generation.path.samefile(venv)
    except OSError:
        return False


def remove(path: Path) -> None:
    """Remove a generation; its record first, so that a half-removed one is no generation."""
    (path / generations.RECORD).unlink(missing_ok=True)
    shutil.rmtree(path)


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """The result of `uninstall`. `left`: the user's own files; `restored`: the venv put back."""

    removed: tuple[Path, ...]
    left: tuple[Path, ...]
    restored: Path | None


def uninstall(venv: Path, *, force: bool = False, progress: Progress | None = None) -> Uninstalled:
    """Remove the environment with all its generations; put back what was there before."""
    store = generations.store(venv)
    if not store.is_dir():
        raise MlenvError("no-environment", f"Nothing to remove: {venv} was not made by mlenv.")
    with generations.locked(venv, progress):
        folders = sorted((store / "generations").glob("*/"))
        if (used := users(folders)) and not force:
            path, pids = next(iter(used.items()))
            raise MlenvError(
                "in-use",
                f"{path.name} is in use by process {', '.join(map(str, pids[:5]))}.",
                "End it first, or use --force.",
            )
        restored = None
        if generations.is_activation(venv):
            if before := rollback.kept(venv):
                rollback.restore(venv, before[-1])
                restored = venv
            else:
                venv.unlink()
        for path in folders:
            remove(path)
    left = [path for path in store.iterdir() if path.name == "profiles"]
    for path in store.iterdir():
        if path not in left:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if not left:
        store.rmdir()
    return Uninstalled(tuple(folders), tuple(left), restored)
