"""Activation scripts: they export the launch environment, and `deactivate` restores exactly.

They name the activation (`~/.venvs/ml`), not the generation, so that an activated shell follows
a switch.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from mlenv.environment.launch import LibraryPath, library_path, site_packages
from mlenv.environment.launchers import owned, quoting
from mlenv.environment.launchers.template import filled, words
from mlenv.files import write_atomically

MARK = "Made by mlenv"
BEFORE = ".mlenv/before"  # where the scripts of whoever made the venv are kept


def write(generation: Path, venv: Path) -> tuple[Path, ...]:
    """Write every activation script into `generation`, for use through `venv`; returns them.

    A script that was there before (uv's) is kept in `.mlenv/before`.
    """
    rule = library_path(site_packages(generation)).moved(generation, venv)
    written = []
    for name, text in scripts(venv, rule).items():
        path = generation / "bin" / name
        _keep(path, generation / BEFORE / name)
        write_atomically(path, text.encode("utf-8", "surrogateescape"))
        written.append(path)
    return tuple(written)


def restore(generation: Path) -> tuple[Path, ...]:
    """Put back what was there before `write`; returns the scripts that were ours."""
    removed = []
    for name in NAMES:
        path, original = generation / "bin" / name, generation / BEFORE / name
        if not is_ours(path):
            continue
        path.unlink()
        if original.is_file():
            original.replace(path)
        removed.append(path)
    owned.remove_empty(generation / BEFORE, (generation / BEFORE).parent)
    return tuple(removed)


def is_ours(path: Path) -> bool:
    """Tell if mlenv wrote this file."""
    try:
        with path.open("rb") as stream:
            return MARK.encode() in stream.read(200)
    except OSError:
        return False


def scripts(venv: Path, rule: LibraryPath) -> dict[str, str]:
    """Every activation script, by file name."""
    posix = _values(venv, rule, quoting.posix, as_string=True)
    csh = {
        **_values(venv, rule, quoting.csh),
        "PROGRAM": quoting.csh(filled("activate.csh.sh", posix)),
        "RESTORE": quoting.csh(_CSH_RESTORE),
    }
    return {
        "activate": filled("activate.sh", posix),
        "activate.csh": filled("activate.csh", csh),
        "activate.fish": filled("activate.fish", _values(venv, rule, quoting.fish)),
        "activate.nu": filled("activate.nu", _values(venv, rule, quoting.nu)),
        "activate.ps1": filled("activate.ps1", _values(venv, rule, quoting.powershell, ", ")),
    }


NAMES = ("activate", "activate.csh", "activate.fish", "activate.nu", "activate.ps1")
_VARIABLES = ("VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PYTHONHOME", "LD_LIBRARY_PATH", "PATH")
# An alias is all that csh has for a function.
_CSH_RESTORE = " ".join(
    [
        f'if ("$_mlenv_was_{name}" == exported) setenv {name} "$_mlenv_old_{name}:q"; '
        f'if ("$_mlenv_was_{name}" == unset) unsetenv {name};'
        for name in _VARIABLES
    ]
    + [
        'if ("$_mlenv_was_prompt" == kept) set prompt = "$_mlenv_old_prompt:q";',
        "rehash; unset _mlenv_*; unalias deactivate",
    ]
)


def _values(
    venv: Path,
    rule: LibraryPath,
    quote: quoting.Quote,
    separator: str = " ",
    *,
    as_string: bool = False,
) -> dict[str, str]:
    """Values for a script's placeholders; directories as a list of words or joined."""

    def directories(paths: tuple[str, ...]) -> str:
        return quote(":".join(paths)) if as_string else words(quote, paths, separator)

    return {
        "VENV": quote(str(venv)),
        "PROMPT": quote(venv.name),
        "FIRST": directories(rule.first),
        "LAST": directories(rule.last),
        "SHADOWING": words(quote, rule.shadowing, separator),
    }


def _keep(path: Path, original: Path) -> None:
    if path.is_file() and not is_ours(path):
        original.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, original)
