"""Places of files: the environment, the files that ship with mlenv, caches and state.

The user's directories are those of the XDG specification where its variables are set, else the
platform's own (platformdirs): on Linux `~/.cache`, `~/.config` and `~/.local/state`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def venv_path(option: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path:
    """The environment: `--venv DIR`, else `$MLENV_VENV`, else `~/.venvs/ml`.

    Absolute, but a symlink is kept as it is: it is the activation, not its target.
    """
    chosen = option or environ.get("MLENV_VENV") or "~/.venvs/ml"
    return Path(os.path.abspath(Path(chosen).expanduser()))  # noqa: PTH100 (resolve follows links)


def shipped(folder: str) -> Path:
    """`profiles/` or `constraints/`: inside an installed wheel, else in the checkout."""
    packed = _PACKAGE / "_shipped" / folder
    return packed if packed.is_dir() else _PACKAGE.parent / folder


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Mlenv's own cache (models): `$MLENV_CACHE_DIR`, else the user's cache directory."""
    return _place(environ, "MLENV_CACHE_DIR", "XDG_CACHE_HOME", "user_cache_path")


def config_file(environ: Mapping[str, str]) -> Path:
    """The user's settings: `$MLENV_CONFIG`, else `mlenv/config.toml` in the user's settings."""
    if own := environ.get("MLENV_CONFIG"):
        return Path(own).expanduser()
    return _place(environ, "", "XDG_CONFIG_HOME", "user_config_path") / "config.toml"


def state_dir(environ: Mapping[str, str]) -> Path:
    """The directory of what mlenv remembers: receipts."""
    return _place(environ, "", "XDG_STATE_HOME", "user_state_path")


def _place(environ: Mapping[str, str], own: str, base: str, kind: str) -> Path:
    if given := environ.get(own):
        return Path(given).expanduser().absolute()
    if given := environ.get(base):
        return Path(given).expanduser().absolute() / "mlenv"
    import platformdirs

    place: Path = getattr(platformdirs, kind)("mlenv", appauthor=False)
    return place
