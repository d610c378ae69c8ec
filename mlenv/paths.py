"""Places of files: the environment, the files that ship with mlenv, caches and state.

The user's directories are those of the XDG specification where its variables are set, else the
platform's own (platformdirs): on Linux `~/.cache`, `~/.config` and `~/.local/state`.

`exec` waits for this module, so it imports nothing before it needs it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as in `typing`, which would have to be imported
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlenv.result import MlenvError


def venv_path(option: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path:
    """The environment: `--venv DIR`, else `$MLENV_VENV`, else `~/.venvs/ml`."""
    from pathlib import Path

    return Path(venv_directory(option, environ))


def venv_directory(option: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> str:
    """The environment's path as text.

    Absolute, but a symlink is kept as it is: it is the activation, not its target.
    """
    if option == "":
        raise _wrong_usage(
            "--venv is empty: a variable that is not set?",
            "Name the environment's directory, or leave --venv out.",
        )
    chosen = os.fspath(option or environ.get("MLENV_VENV") or "~/.venvs/ml")
    path = os.path.abspath(_expanded(chosen, environ))  # noqa: PTH100 (resolve follows links)
    if path.strip("/") == "":
        raise _wrong_usage(
            f"{path} can't be an environment: mlenv keeps its generations beside it.",
            "Name a directory in it, or leave --venv out.",
        )
    return path


def aimed(venv: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> str:
    """` --venv DIR`, as a command must have it to mean this environment; "" for the usual one."""
    import shlex

    from mlenv.result import MlenvError

    try:
        if os.fspath(venv) == venv_directory(None, environ):
            return ""
    except MlenvError:  # there is no home: every environment must be named
        pass
    return f" --venv {shlex.quote(os.fspath(venv))}"


def home(environ: Mapping[str, str]) -> Path:
    """The user's home directory: $HOME, else that of the password database.

    Raises `MlenvError` where there is neither, as for a container's unknown uid, and for an empty
    $HOME.
    """
    from pathlib import Path

    return Path(_home(environ))


def _home(environ: Mapping[str, str]) -> str:
    if directory := environ.get("HOME"):
        return directory
    if directory == "":  # to Python and to a shell that is the root directory
        text = "HOME is empty: a variable that is not set?"
        raise _error("no-home", text, "Set it, or unset it.")
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError as error:
        raise _error(
            "no-home",
            f"There is no home directory: HOME is not set, and user {os.getuid()} is unknown here.",
            "Set HOME to a directory that this user may write to.",
        ) from error


def expand(path: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> Path:
    """The path with `~` and `~user` replaced; raises `MlenvError` where that has no home."""
    from pathlib import Path

    return Path(_expanded(os.fspath(path), environ))


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    user, separator, below = path.partition("/")
    if user == "~":
        return f"{_home(environ)}{separator}{below}"
    if not user.startswith("~"):
        return path
    import pwd

    try:
        return f"{pwd.getpwnam(user[1:]).pw_dir}{separator}{below}"
    except KeyError as error:
        raise _error(
            "no-home",
            f"{path} names a user that is unknown here.",
            f"`~/{below}` is in your own home; a name that begins with ~ is written ./{path}.",
        ) from error


def is_gone(path: str | os.PathLike[str]) -> bool:
    """Tell if nothing is there; what this user may not look at is not gone."""
    try:
        os.stat(path)  # noqa: PTH116 (imports little)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def refuse_sudo(place: Path) -> None:
    """Raise `MlenvError` for root by sudo who would leave its files in the caller's `place`.

    Neither `sudo -E` nor an old sudo changes HOME; what root writes there locks its owner out.
    """
    caller = os.environ.get("SUDO_UID", "")
    if os.geteuid() != 0 or not caller.isdecimal() or caller == "0":
        return
    owners = {str(folder.stat().st_uid) for folder in (place, home(os.environ)) if folder.is_dir()}
    if caller in owners:
        raise _error(
            "foreign-home",
            f"This is root by sudo, and {place if place.is_dir() else home(os.environ)} is a place "
            f"of user {caller}, who could not change root's files there.",
            "Run it without sudo, or with `sudo -H` and --venv DIR of root's own.",
        )


def shipped(folder: str) -> Path:
    """`profiles/` or `constraints/`: inside an installed wheel, else in the checkout."""
    from pathlib import Path

    package = Path(__file__).resolve().parent
    packed = package / "_shipped" / folder
    return packed if packed.is_dir() else package.parent / folder


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Mlenv's own cache (models): `$MLENV_CACHE_DIR`, else the user's cache directory."""
    return _place(environ, "MLENV_CACHE_DIR", "XDG_CACHE_HOME", "user_cache_path")


def config_file(environ: Mapping[str, str]) -> Path:
    """The user's settings: `$MLENV_CONFIG`, else `mlenv/config.toml` in the user's settings.

    Without platformdirs, whose import would be felt: each `exec transcribe` asks for this.
    """
    if own := environ.get("MLENV_CONFIG"):
        return expand(own, environ)
    base = environ.get("XDG_CONFIG_HOME", "")  # a relative one is invalid
    place = expand(base, environ) if base.startswith(("/", "~")) else home(environ) / ".config"
    return place / "mlenv" / "config.toml"


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


def _error(code: str, message: str, hint: str = "") -> MlenvError:
    from mlenv.result import MlenvError

    return MlenvError(code, message, hint)


def _wrong_usage(message: str, hint: str) -> MlenvError:
    from mlenv.result import WRONG_USAGE, MlenvError

    return MlenvError("usage", message, hint, exit_code=WRONG_USAGE)
