"""Text of `mlenv add` and `mlenv remove`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlenv import paths
from mlenv.cli.render.install import changed, planned
from mlenv.cli.render.style import bold, dim, green
from mlenv.environment.install.dry_run import DryRun

if TYPE_CHECKING:
    from mlenv.environment.install.build import Installed


def lines(installed: Installed | DryRun) -> Iterator[str]:
    """The packages that came and went, or would."""
    if isinstance(installed, DryRun):
        yield from planned(installed, "would change")
        return
    place = paths.aimed(installed.venv)
    if not installed.changed:
        yield f"{green('up to date')}  {installed.venv} holds it already"
        yield dim(f"`mlenv exec{place} COMMAND` starts a program in it.")
        return
    own = installed.profile.removesuffix("-own")
    what = bold(installed.profile)
    if own != installed.profile:
        what = f"profile {bold(own)} with your changes (saved as {installed.profile})"
    yield f"{green('changed')}  {installed.venv} is now {what} {dim(f'{installed.seconds} s')}"
    yield from changed(installed.changes)
    yield dim(f"`mlenv rollback{place}` undoes it.")
