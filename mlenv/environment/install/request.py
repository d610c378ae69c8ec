"""The request for an installation."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from mlenv.environment.generations import own_profiles
from mlenv.environment.lockfile import profiles


@dataclass(frozen=True, slots=True)
class Request:
    """The user's request.

    `profile`: a name, the path of a file, `auto` or None (the one in use, else `auto`).
    `mirrors`: `NAME=URL` each. `bundle`: a directory that `mlenv bundle` has made. `rebuild`:
    even where it is up to date (what is active was damaged in a way that only a look at its
    files shows). `own`: the profile is the user's, and the generation shall carry the only copy.
    `wait` for another change of the environment.
    """

    profile: str | None = None
    python: str | None = None
    offline: bool = False
    mirrors: tuple[str, ...] = ()
    bundle: Path | None = None
    rebuild: bool = False
    own: bool = False
    wait: bool = True


def named(request: Request, venv: Path) -> Request:
    """The request with the file of an own profile of `venv` that is asked for by its name."""
    if request.bundle or not request.profile or profiles.ships(request.profile):
        return request
    file = own_profiles.of(venv).get(request.profile)
    return replace(request, profile=os.fspath(file)) if file else request
