"""Which address stands for which index: those in the profile, or the user's mirrors.

A mirror is named on the command line (`--index NAME=URL`) or in the configuration file
(`$MLENV_CONFIG`, else `~/.config/mlenv/config.toml`), where NAME is an index of the profile or
`default`, the package index:

    [index]
    default = "https://mirror.example.org/simple"
    pytorch-cu121 = "https://mirror.example.org/whl/cu121"

Locks name hashes and no addresses, so a mirror can't change what is installed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mlenv.environment.lockfile.profiles import Index, Profile
from mlenv.result import WRONG_USAGE, MlenvError

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Indexes:
    """The user's addresses by name of index; what has none keeps the profile's own."""

    mirrors: Mapping[str, str] = field(default_factory=dict)

    @property
    def default(self) -> str | None:
        """The package index; None: as uv is configured."""
        return self.mirrors.get(DEFAULT)

    def url(self, index: Index) -> str:
        return self.mirrors.get(index.name, index.url)

    def extra(self, profile: Profile) -> tuple[str, ...]:
        """The addresses of the profile's own indexes."""
        return tuple(self.url(index) for index in profile.indexes)


def load(options: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Indexes:
    """The configuration file's mirrors, then those of `options` (`NAME=URL`), which win."""
    return Indexes({**_configured(config_path(environ)), **dict(map(_option, options))})


def check_names(indexes: Indexes, profiles: Iterable[Profile], options: Sequence[str]) -> None:
    """Raise `MlenvError` for an option that names an index which none of `profiles` has."""
    known = {DEFAULT, *(index.name for profile in profiles for index in profile.indexes)}
    for name, _ in map(_option, options):
        if name not in known:
            raise MlenvError(
                "unknown-index",
                f"There is no index `{name}` to replace.",
                f"There are: {', '.join(sorted(known))}.",
                exit_code=WRONG_USAGE,
            )


def without_credentials(url: str) -> str:
    """The address as it may be shown, or written into a file that is handed on."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def config_path(environ: Mapping[str, str]) -> Path:
    if own := environ.get("MLENV_CONFIG"):
        return Path(own).expanduser()
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "mlenv" / "config.toml"


def _configured(path: Path) -> dict[str, str]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise MlenvError("unreadable-config", f"{path} can't be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise MlenvError("broken-config", f"{path} is not valid TOML: {error}.") from error
    mirrors = table.pop("index", {})
    if table or not isinstance(mirrors, dict):
        wrong = next(iter(table), "index")
        raise MlenvError("broken-config", f"{path}: nothing is known of `{wrong}`, only [index].")
    for name, url in mirrors.items():
        if not isinstance(url, str) or not _is_address(url):
            raise MlenvError("broken-config", f"{path} [index]: {name} is no address.")
    return mirrors


def _option(text: str) -> tuple[str, str]:
    name, sign, url = text.partition("=")
    if not sign or not name or not _is_address(url):
        raise MlenvError(
            "usage",
            f"--index wants NAME=URL, not `{name or text}`.",
            "As in: --index default=https://mirror.example.org/simple",
            exit_code=WRONG_USAGE,
        )
    return name, url


def _is_address(url: str) -> bool:
    return url.startswith(("https://", "http://", "file:///")) and not any(map(str.isspace, url))
