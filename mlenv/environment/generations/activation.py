"""The activation: the symlink to the active generation, and how it is switched in one step."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from mlenv.environment.generations import remove_unfinished, store

PREVIOUS = "previous"  # in the store: a link to what was active before the present


def is_activation(venv: Path) -> bool:
    """Recognise our symlink, even if its generation is gone."""
    return _is_ours(venv, venv)


def _is_ours(link: Path, venv: Path) -> bool:
    return link.is_symlink() and (link.parent / link.readlink()).is_relative_to(
        store(venv) / "generations"
    )


def settle(venv: Path) -> None:
    """Bring to an end what a killed process has left half done. Call it under `locked`."""
    remove_unfinished(venv)
    for link in (venv, store(venv) / PREVIOUS):
        _new(link).unlink(missing_ok=True)
    for moved in _moved(venv):
        if not os.path.lexists(venv):
            moved.rename(venv)
        elif _is_ours(moved, venv):
            moved.unlink()
        else:
            moved.rename(moved.with_name(moved.name[1 : -len(_MOVED)]))
    for link in venv.parent.glob(f"{venv.name}.before-mlenv*"):
        if _is_ours(link, venv):
            link.unlink()


def switch(venv: Path, generation: Path) -> Path | None:
    """Point the activation to `generation`, in one atomic step.

    Anything at `venv` that mlenv did not make (a directory, somebody's symlink) is kept beside
    it; returns where, or None if there was nothing of the kind.
    """
    target = Path(os.path.relpath(generation, venv.parent))
    if is_activation(venv) or not os.path.lexists(venv):
        if venv.is_symlink() and (before := venv.parent / venv.readlink()) != generation:
            remember(venv, before)
        replace_link(venv, target)
        return None
    aside = _free_name(venv)
    aside.symlink_to(target)  # and now the two change places
    try:
        exchange(aside, venv)
    except OSError:
        aside.unlink()
        raise
    remember(venv, aside)
    return aside


def remember(venv: Path, target: Path) -> None:
    """Record `target` as active before the present: a generation, or what was moved aside."""
    link = store(venv) / PREVIOUS
    replace_link(link, os.path.relpath(target, link.parent))


def replace_link(link: Path, target: str | Path) -> None:
    """Point a symlink elsewhere in one step; what a killed process left of one is replaced."""
    new = _new(link)
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def is_cut(venv: Path) -> bool:
    """Tell if a switch was killed that left somebody's directory under a hidden name."""
    return any(_moved(venv))


def _moved(venv: Path) -> Iterator[Path]:
    return venv.parent.glob(f".{venv.name}.before-mlenv*{_MOVED}")


def _new(link: Path) -> Path:
    return link.with_name(f".{link.name}.new")


def _free_name(venv: Path) -> Path:
    candidates = [venv.with_name(f"{venv.name}.before-mlenv")]
    candidates += [venv.with_name(f"{venv.name}.before-mlenv-{n}") for n in range(2, 1000)]
    return next(path for path in candidates if not os.path.lexists(path))


_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100
_MOVED = ".moved"  # the end of a name that lasts for a moment, where names can't be exchanged


def exchange(one: Path, other: Path) -> None:
    """Let two names change places, atomically where the system can (renameat2(2))."""
    import ctypes  # a Python may be built without it, and nothing else here needs it

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        names = os.fsencode(one), os.fsencode(other)
        if renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
            return
        if (code := ctypes.get_errno()) not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code), os.fspath(other))
    aside = one.with_name(f".{one.name}{_MOVED}")
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise
    aside.rename(one)
