"""Switch back to an earlier generation, or to what was there before mlenv."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mlenv.environment import generations
from mlenv.environment.generations import activation
from mlenv.environment.install import changes, consent
from mlenv.progress import Progress
from mlenv.result import MlenvError


def kept(venv: Path) -> tuple[Path, ...]:
    """Directories that mlenv moved aside from the environment's place, the latest last."""
    pattern = re.compile(re.escape(f"{venv.name}.before-mlenv") + r"(-(\d+))?")
    numbers = {
        path: int(match[2] or 1)
        for path in venv.parent.glob(f"{venv.name}.before-mlenv*")
        if (match := pattern.fullmatch(path.name))
    }
    return tuple(sorted(numbers, key=numbers.__getitem__))


def previous(venv: Path) -> Path | None:
    """The path that was active before: a generation, or a venv that mlenv did not make."""
    link = generations.store(venv) / activation.PREVIOUS
    if not link.is_symlink() or not (target := (link.parent / link.readlink())).exists():
        return None
    # A switch that was cut leaves what is still active there.
    return None if venv.exists() and target.samefile(venv) else Path(os.path.normpath(target))


def roll_back(
    venv: Path,
    target: str | None,
    progress: Progress | None = None,
    asking: consent.Ask = consent.nobody,
    *,
    wait: bool = True,
) -> Path:
    """Switch to what was active before, or to `target`; returns what is active now.

    `target`: the number or name of a generation, or the name of what was kept (or `before`). Asks
    before it takes away what the environment is for.
    """
    with generations.locked(venv, progress, wait=wait):
        activation.settle(venv)
        path = destination(venv, target)
        consent.ask(consent.losses(differences(venv, path)), asking)
        if path in kept(venv):
            restore(venv, path)
            return venv
        if not (path / "bin" / "python").exists():
            raise MlenvError(
                "broken-generation",
                f"{path.name} can't be used: its interpreter is gone.",
                "Build it again with `mlenv install`.",
            )
        activation.switch(venv, path)
        return path


def destination(venv: Path, target: str | None) -> Path:
    """The path that a rollback to `target` switches to, or without one to what was before."""
    return _find(venv, target) if target else _before(venv)


def differences(venv: Path, path: Path) -> changes.Changes:
    """The packages that come and go where `path` becomes active."""
    here = generations.distributions(venv) if venv.exists() else ()
    return changes.between(here, generations.distributions(path))


def _before(venv: Path) -> Path:
    if (target := previous(venv)) is not None:
        return target
    number = _active_number(venv)
    older = [g for g in generations.all_of(venv) if number is None or g.number < number]
    if older:
        return older[-1].path
    if before := kept(venv):
        return before[-1]
    if not os.path.lexists(venv):
        raise generations.absent(venv, "There is nothing to go back to: ")
    raise MlenvError(
        "nothing-to-roll-back-to",
        f"There is nothing to go back to: {venv} has no earlier generation.",
        "`mlenv status` lists the generations.",
    )


def _active_number(venv: Path) -> int | None:
    """The active generation's number, by its directory's name: its record may be damaged."""
    number = venv.resolve().name.partition("-")[0]
    return int(number) if activation.is_activation(venv) and number.isdigit() else None


def _find(venv: Path, name: str) -> Path:
    before = kept(venv)
    if name == "before" and before:
        return before[-1]
    for path in before:
        if name in (path.name, os.fspath(path)):
            return path
    every = generations.all_of(venv)
    for generation in every:
        number = name.isdigit() and int(name) == generation.number
        if number or name in (generation.name, os.fspath(generation.path)):
            return generation.path
    names = [g.name for g in every] + [path.name for path in before]
    raise MlenvError(
        "unknown-generation",
        f"There is no generation `{name}` of {venv}.",
        f"There are: {', '.join(names) or 'none'}.",
    )


def restore(venv: Path, kept_path: Path) -> None:
    """Put back a directory that mlenv moved aside, in one step."""
    if not os.path.lexists(venv):
        kept_path.rename(venv)
        return
    ours = activation.is_activation(venv)
    if ours:
        activation.remember(venv, venv.parent / venv.readlink())
    activation.exchange(kept_path, venv)
    if ours:
        kept_path.unlink()  # our link, now under the other's name
