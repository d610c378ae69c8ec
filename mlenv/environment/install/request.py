"""The request for an installation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """The user's request.

    `profile`: a name, the path of a file, `auto` or None (the one in use, else `auto`).
    `mirrors`: `NAME=URL` each. `bundle`: a directory that `mlenv bundle` has made. `rebuild`:
    even where it is up to date (what is active was damaged in a way that only a look at its
    files shows). `own`: the profile is the user's, and the generation shall carry the only copy.
    """

    profile: str | None = None
    python: str | None = None
    offline: bool = False
    mirrors: tuple[str, ...] = ()
    bundle: Path | None = None
    rebuild: bool = False
    own: bool = False
