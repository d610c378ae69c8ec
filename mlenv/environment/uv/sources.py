"""Sources of distributions for uv."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources of distributions for uv.

    `default` replaces the package index that uv is configured with, `extra` are searched beside
    it, `several` says that there are more of them (in a project). `folder`: a directory with
    all that is needed, and no index at all. `builds`: the packages that may be built from source,
    for which their own code runs here.
    """

    default: str | None = None
    extra: tuple[str, ...] = ()
    folder: Path | None = None
    offline: bool = False
    several: bool = False
    builds: tuple[str, ...] = ()

    def settings(self) -> dict[str, str]:
        """As variables: an address may hold a password, and anybody can read an argument."""
        settings = {}
        if self.default:
            settings["UV_DEFAULT_INDEX"] = self.default
        if self.extra or self.several:
            settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pins and hashes decide
        if self.extra:
            settings["UV_INDEX"] = " ".join((*self.extra, *os.environ.get("UV_INDEX", "").split()))
        if self.folder:
            settings["UV_FIND_LINKS"] = self.folder.as_uri()
            settings["UV_NO_INDEX"] = "1"
        if self.offline or self.folder:
            settings["UV_OFFLINE"] = "1"
        return settings


CONFIGURED = Sources()
