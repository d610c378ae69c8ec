"""Where things are: the environment, the files that ship with mlenv, the caches."""

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
    """mlenv's own cache (models): `$MLENV_CACHE_DIR`, else the XDG cache directory."""
    if own := environ.get("MLENV_CACHE_DIR"):
        return Path(own).expanduser().absolute()
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "mlenv"
