"""The user's configuration of uv, as far as it decides where files come from.

Indexes, credentials, certificates, proxies and the cache hold. What would change what an
environment holds (targets, link modes, resolution, constraints, overrides, seeds) does not: that
is for profiles and locks to say.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlenv.environment import launch
from mlenv.files import read_text
from mlenv.paths import home
from mlenv.result import MlenvError

_SHARED = frozenset({"index-url", "extra-index-url", "find-links", "no-index", "keyring-provider"})
_KEYS = _SHARED | {
    *("index", "allow-insecure-host", "native-tls", "system-certs", "offline", "cache-dir"),
    *("http-proxy", "https-proxy", "no-proxy"),
    *("concurrent-downloads", "concurrent-installs", "concurrent-builds"),
    *("python-downloads", "python-install-mirror", "python-downloads-json-url"),
}
# UV_INDEX and what begins like it: addresses, and credentials of an index by its name.
_VARIABLES = (
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"),
    *("UV_KEYRING_PROVIDER", "UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_OFFLINE"),
    *("UV_HTTP_", "UV_REQUEST_TIMEOUT", "UV_CACHE_DIR", "UV_LOCK_TIMEOUT", "UV_CONCURRENT_"),
    *("UV_PYTHON_", "UV_CREDENTIALS_DIR", "UV_LOG_CONTEXT"),
)
_PATHS = ("UV_CACHE_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC")
_ADDRESSES = ("index-url", "extra-index-url", "find-links")  # or paths, from the file's folder
# Copy-on-write where the file system has it: an edit in one environment stays there. Hard links
# elsewhere, copies between file systems.
_LINKS = {"UV_LINK_MODE": "clone"}


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for uv: the caller's without those of uv that must not hold.

    Paths are made absolute, because uv runs in another directory.
    """
    kept = {
        name: value
        for name, value in launch.for_tools(environ).items()
        if not name.startswith(("UV_", "PIP_")) or name.startswith(_VARIABLES)
    }
    paths = {name: os.path.abspath(kept[name]) for name in _PATHS if kept.get(name)}  # noqa: PTH100
    if links := kept.get("UV_FIND_LINKS"):
        paths["UV_FIND_LINKS"] = ",".join(_absolute(each, "") for each in links.split(","))
    return kept | paths | _LINKS


def _absolute(address: str, folder: str | os.PathLike[str]) -> str:
    """An address as it is; a path made absolute, from `folder`."""
    if not address or "://" in address:
        return address
    return os.path.abspath(os.path.join(folder, os.path.expanduser(address)))  # noqa: PTH100, PTH111, PTH118


def text(environ: Mapping[str, str]) -> str:
    """The user's `uv.toml` and the system's, reduced to what holds; empty if nothing does.

    Raises `MlenvError` for a file that can't be read.
    """
    merged: dict[str, Any] = {}
    for path in _files(environ):
        settings = _with_paths(_read(path), path)
        pip = {key: value for key, value in settings.get("pip", {}).items() if key in _SHARED}
        for key, value in ({k: v for k, v in settings.items() if k in _KEYS} | pip).items():
            if isinstance(value, list):
                merged[key] = [*merged.get(key, []), *value]
            else:
                merged.setdefault(key, value)
    if not merged:
        return ""
    import tomlkit

    return tomlkit.dumps(merged)


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Uv's configuration files, the one that wins first."""
    if environ.get("UV_NO_CONFIG"):
        return
    if named := environ.get("UV_CONFIG_FILE"):
        yield Path(named)
        return
    user = environ.get("XDG_CONFIG_HOME") or os.fspath(home(environ) / ".config")
    system = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    yield Path(user) / "uv/uv.toml"
    for folder in (*system, "/etc"):
        if (path := Path(folder) / "uv/uv.toml").is_file():
            yield path
            return


def _with_paths(settings: dict[str, Any], file: Path) -> dict[str, Any]:
    """The settings with paths made absolute: uv reads them from a copy elsewhere."""
    folder = Path(os.path.abspath(file)).parent  # noqa: PTH100
    for table in (settings, settings.get("pip", {})):
        for key in _ADDRESSES:
            match table.get(key):
                case str(address):
                    table[key] = _absolute(address, folder)
                case list(addresses):
                    table[key] = [_absolute(str(each), folder) for each in addresses]
    for index in settings.get("index", []):
        if isinstance(index, dict) and isinstance(index.get("url"), str):
            index["url"] = _absolute(index["url"], folder)
    if isinstance(place := settings.get("cache-dir"), str):
        settings["cache-dir"] = _absolute(place, "")
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise MlenvError(
            "bad-uv-configuration",
            f"{path}, the configuration of uv, can't be read: {error}.",
            "Correct it, or set UV_NO_CONFIG=1 to leave it out.",
        ) from error
