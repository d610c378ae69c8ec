"""What came before: earlier generations and hand-made venvs, switched back to, sized, removed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlenv.environment import generations
from mlenv.environment.generations import Generation
from mlenv.result import MlenvError


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes on disk. `own`: what only this directory holds, and what removing it would free.

    The rest is shared by hard links, with uv's cache and other generations. (Reflinks can't be
    told from copies; there `own` is too much.)
    """

    total: int = 0
    own: int = 0


@dataclass(frozen=True, slots=True)
class Collected:
    """What `collect` did: removed generations, bytes freed, and (generation, pids) left in use."""

    removed: tuple[Generation, ...]
    freed: int
    in_use: tuple[tuple[Generation, tuple[int, ...]], ...]


def kept(venv: Path) -> tuple[Path, ...]:
    """What stood at the environment's place before mlenv, the latest last."""
    pattern = re.compile(re.escape(f"{venv.name}.before-mlenv") + r"(-(\d+))?")
    found = {
        path: int(match[2] or 1)
        for path in venv.parent.glob(f"{venv.name}.before-mlenv*")
        if (match := pattern.fullmatch(path.name))
    }
    return tuple(sorted(found, key=found.__getitem__))


def previous(venv: Path) -> Path | None:
    """What was active before the present: a generation, or a venv that mlenv did not make."""
    link = generations.store(venv) / generations.PREVIOUS
    if link.is_symlink() and (target := (link.parent / link.readlink())).exists():
        return Path(os.path.normpath(target))
    return None


def roll_back(venv: Path, wanted: str | None) -> Path:
    """Switch to what was active before, or to the one named; returns what is active now.

    `wanted`: the number or name of a generation, or the name of what was kept (or `before`).
    """
    with generations.locked(venv):
        target = _named(venv, wanted) if wanted else _before(venv)
        if target in kept(venv):
            _restore(venv, target)
            return venv
        if not (target / "bin" / "python").exists():
            raise MlenvError(
                "broken-generation",
                f"{target.name} can't be used: its interpreter is gone.",
                "Build it again with `mlenv install`.",
            )
        generations.switch(venv, target)
        return target


def _before(venv: Path) -> Path:
    if (target := previous(venv)) is not None:
        return target
    active = generations.active(venv)
    older = [g for g in generations.all_of(venv) if active is None or g.number < active.number]
    if older:
        return older[-1].path
    if before := kept(venv):
        return before[-1]
    raise MlenvError(
        "nothing-to-roll-back-to",
        f"There is nothing to go back to: {venv} has no earlier generation.",
        "`mlenv status` shows what there is.",
    )


def _named(venv: Path, wanted: str) -> Path:
    before = kept(venv)
    if wanted == "before" and before:
        return before[-1]
    for path in before:
        if wanted in (path.name, os.fspath(path)):
            return path
    found = generations.all_of(venv)
    for generation in found:
        number = wanted.isdigit() and int(wanted) == generation.number
        if number or wanted in (generation.name, os.fspath(generation.path)):
            return generation.path
    known = [g.name for g in found] + [path.name for path in before]
    raise MlenvError(
        "unknown-generation",
        f"There is no generation `{wanted}` of {venv}.",
        f"There are: {', '.join(known) or 'none'}.",
    )


def _restore(venv: Path, kept_path: Path) -> None:
    """Put back what mlenv did not make, in one step."""
    if not os.path.lexists(venv):
        kept_path.rename(venv)
        return
    ours = generations.is_activation(venv)
    if ours:
        generations.remember(venv, venv.parent / venv.readlink())
    generations.exchange(kept_path, venv)
    if ours:
        kept_path.unlink()  # our link, now under the other's name


def size(path: Path) -> Size:
    """What a directory takes on disk."""
    total = own = 0
    for folder, _, names in os.walk(path):
        for name in ("", *names):
            try:
                found = os.lstat(os.path.join(folder, name))  # noqa: PTH118 (forty thousand files)
            except OSError:
                continue
            total += found.st_blocks * 512
            if found.st_nlink == 1 or not name:
                own += found.st_blocks * 512
    return Size(total, own)


def users(paths: Sequence[Path]) -> dict[Path, tuple[int, ...]]:
    """The processes that use each of these directories: mapped files, working directory, command.

    Processes of other users can't be looked into. Without /proc nothing is known.
    """
    found: dict[Path, list[int]] = {path: [] for path in paths}
    for process in Path("/proc").glob("[0-9]*"):
        seen = "\n".join(_traces(process))
        for path in paths:
            if int(process.name) != os.getpid() and f"{path}/" in f"{seen}/":
                found[path].append(int(process.name))
    return {path: tuple(sorted(pids)) for path, pids in found.items() if pids}


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


def collect(venv: Path, keep: int) -> Collected:
    """Remove generations but the active one and the newest, `keep` in all; never one in use."""
    with generations.locked(venv):
        generations.remove_unfinished(venv)
        found, active = generations.all_of(venv), generations.active(venv)
        others = [g for g in found if g != active]
        spare = max(keep - (active is not None), 0)
        doomed = others[: len(others) - spare] if spare < len(others) else []
        used = users([g.path for g in doomed])
        removed = tuple(g for g in doomed if g.path not in used)
        freed = sum(size(g.path).own for g in removed)
        for generation in removed:
            remove(generation.path)
    in_use = tuple((g, used[g.path]) for g in doomed if g.path in used)
    return Collected(removed, freed, in_use)


def remove(path: Path) -> None:
    """Remove a generation; its record first, so that half of one is never taken for a whole."""
    (path / generations.RECORD).unlink(missing_ok=True)
    shutil.rmtree(path)


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """`left`: what is the user's own and stays. `restored`: what is back at its place."""

    removed: tuple[Path, ...]
    left: tuple[Path, ...]
    restored: Path | None


def uninstall(venv: Path, *, force: bool = False) -> Uninstalled:
    """Remove the environment with all its generations; what was there before comes back."""
    store = generations.store(venv)
    if not store.is_dir():
        raise MlenvError("no-environment", f"mlenv has nothing at {venv}.")
    with generations.locked(venv):
        found = sorted((store / "generations").glob("*/"))
        if (used := users(found)) and not force:
            path, pids = next(iter(used.items()))
            raise MlenvError(
                "in-use",
                f"{path.name} is in use by process {', '.join(map(str, pids[:5]))}.",
                "End it first, or use --force.",
            )
        restored = None
        if generations.is_activation(venv):
            if before := kept(venv):
                _restore(venv, before[-1])
                restored = venv
            else:
                venv.unlink()
        for path in found:
            remove(path)
    left = [path for path in store.iterdir() if path.name == "profiles"]
    for path in store.iterdir():
        if path not in left:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if not left:
        store.rmdir()
    return Uninstalled(tuple(found), tuple(left), restored)
