"""Places of files: the environment, the files that ship with mlenv, caches and state.

The user's directories are those of the XDG specification where its variables are set, else the
platform's own (platformdirs): on Linux `~/.cache`, `~/.config` and `~/.local/state`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mlenv.result import WRONG_USAGE, MlenvError

_PACKAGE = Path(__file__).resolve().parent


def venv_path(option: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path:
    """The environment: `--venv DIR`, else `$MLENV_VENV`, else `~/.venvs/ml`.

    Absolute, but a symlink is kept as it is: it is the activation, not its target.
    """
    if option == "":
        raise MlenvError(
            "usage",
            "--venv is empty: a variable that is not set?",
            "Name the environment's directory, or leave --venv out.",
            exit_code=WRONG_USAGE,
        )
    chosen = option or environ.get("MLENV_VENV") or "~/.venvs/ml"
    path = Path(os.path.abspath(expand(chosen, environ)))  # noqa: PTH100 (resolve follows links)
    if not path.name:
        raise MlenvError(
            "usage",
            f"{path} can't be an environment: mlenv keeps its generations beside it.",
            "Name a directory in it, or leave --venv out.",
            exit_code=WRONG_USAGE,
        )
    return path


def home(environ: Mapping[str, str]) -> Path:
    """The user's home directory: $HOME, else that of the password database.

    Raises `MlenvError` where there is neither, as for a container's unknown uid.
    """
    if directory := environ.get("HOME"):
        return Path(directory)
    try:
        return Path("~").expanduser()
    except RuntimeError as error:
        raise MlenvError(
            "no-home",
            f"There is no home directory: HOME is not set, and user {os.getuid()} is unknown here.",
            "Set HOME to a directory that this user may write to.",
        ) from error


def expand(path: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> Path:
    """The path with `~` and `~user` replaced; raises `MlenvError` where that has no home."""
    text = os.fspath(path)
    if text == "~" or text.startswith("~/"):
        return home(environ) / text[2:]
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise MlenvError("no-home", f"{text} names a user that is unknown here.") from error


def refuse_sudo(place: Path) -> None:
    """Raise `MlenvError` for root by sudo who would leave its files in the caller's `place`.

    Neither `sudo -E` nor an old sudo changes HOME; what root writes there locks its owner out.
    """
    caller = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not caller.isdecimal() or caller == "0":
        return
    owners = {str(folder.stat().st_uid) for folder in (place, home(os.environ)) if folder.is_dir()}
    if caller in owners:
        raise MlenvError(
            "foreign-home",
            f"This is root by sudo, and {place if place.is_dir() else home(os.environ)} is a place "
            f"of user {caller}, who could not change root's files there.",
            "Run it without sudo, or with `sudo -H` and --venv DIR of root's own.",
        )


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
        return expand(own, environ)
    return _place(environ, "", "XDG_CONFIG_HOME", "user_config_path") / "config.toml"


def state_dir(environ: Mapping[str, str]) -> Path:
    """The directory of what mlenv remembers: receipts."""
    return _place(environ, "", "XDG_STATE_HOME", "user_state_path")


def _place(environ: Mapping[str, str], own: str, base: str, kind: str) -> Path:
    if directory := environ.get(own):
        return expand(directory, environ).absolute()
    if (directory := environ.get(base, "")).startswith(("/", "~")):  # a relative one is invalid
        return expand(directory, environ) / "mlenv"
    import platformdirs

    home(environ)  # or say that there is none
    place: Path = getattr(platformdirs, kind)("mlenv", appauthor=False)
    return place
