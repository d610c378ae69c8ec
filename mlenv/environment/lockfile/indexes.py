"""The address of each index: the profile's, or the user's mirror.

A mirror is named on the command line (`--index NAME=URL`) or in the user's settings
(`machine.settings`), where NAME is an index of the profile or `default`, the package index.
Locks name hashes and no addresses, so a mirror can't change what is installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mlenv.environment.lockfile.profile_file import Index
from mlenv.environment.lockfile.profiles import Profile
from mlenv.machine import settings
from mlenv.result import WRONG_USAGE, MlenvError, redacted

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Indexes:
    """The user's addresses by name of index; an index without one keeps the profile's."""

    mirrors: Mapping[str, str] = field(default_factory=dict)

    @property
    def default(self) -> str | None:
        """The package index; None: as uv is configured."""
        return self.mirrors.get(DEFAULT)

    def url(self, index: Index) -> str:
        """The address of one of the profile's indexes."""
        return self.mirrors.get(index.name, index.url)

    def extra(self, profile: Profile) -> tuple[str, ...]:
        """The addresses of the profile's own indexes."""
        return tuple(self.url(index) for index in profile.indexes)


def load(options: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Indexes:
    """The mirrors of the user's settings, then those of `options` (`NAME=URL`), which win."""
    return Indexes({**settings.load(environ).index, **dict(map(_option, options))})


def check_names(indexes: Indexes, profiles: Iterable[Profile], options: Sequence[str]) -> None:
    """Raise `MlenvError` for an option that names an index which none of `profiles` has."""
    names = {DEFAULT, *(index.name for profile in profiles for index in profile.indexes)}
    for name, _ in map(_option, options):
        if name not in names:
            raise MlenvError(
                "unknown-index",
                f"There is no index `{redacted(name)}` to replace.",
                f"There are: {', '.join(sorted(names))}.",
                exit_code=WRONG_USAGE,
            )


def without_credentials(url: str) -> str:
    """The address without user name and password, for messages and files."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _option(text: str) -> tuple[str, str]:
    name, sign, url = text.partition("=")
    if not sign or not name or not settings.is_address(url):
        raise MlenvError(
            "usage",
            f"--index wants NAME=URL, not `{redacted(name or text)}`.",
            "As in: --index default=https://mirror.example.org/simple",
            exit_code=WRONG_USAGE,
        )
    return name, url
