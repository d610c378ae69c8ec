"""Activation scripts: they export the launch environment, and `deactivate` restores exactly.

They name the activation (`~/.venvs/ml`), not the generation, so that an activated shell follows
a switch.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from mlenv.files import write_atomically
from mlenv.launch import LibraryPath, library_path, site_packages
from mlenv.shims import quoting
from mlenv.shims.template import filled, words

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


def remove(generation: Path) -> tuple[Path, ...]:
    """Put back what was there before `write`; returns the scripts that were ours."""
    removed = []
    for name in NAMES:
        path, kept = generation / "bin" / name, generation / BEFORE / name
        if not is_ours(path):
            continue
        path.unlink()
        if kept.is_file():
            kept.replace(path)
        removed.append(path)
    return tuple(removed)


def is_ours(path: Path) -> bool:
    """Whether mlenv wrote this file."""
    try:
        with path.open("rb") as stream:
            return MARK.encode() in stream.read(200)
    except OSError:
        return False


def scripts(venv: Path, rule: LibraryPath) -> dict[str, str]:
    """Every activation script, by file name."""
    return {
        "activate": _text("activate.sh", venv, rule, quoting.posix, joined=":"),
        "activate.fish": _text("activate.fish", venv, rule, quoting.fish),
    }


NAMES = ("activate", "activate.fish")


def _text(
    script: str, venv: Path, rule: LibraryPath, quote: quoting.Quote, *, joined: str = ""
) -> str:
    """`joined`: the directories as one string with this separator, instead of a list of words."""

    def directories(paths: tuple[Path, ...]) -> str:
        return quote(joined.join(map(str, paths))) if joined else words(quote, paths)

    return filled(
        script,
        {
            "VENV": quote(str(venv)),
            "PROMPT": quote(venv.name),
            "FIRST": directories(rule.first),
            "LAST": directories(rule.last),
            "SHADOWING": words(quote, rule.shadowing),
        },
    )


def _keep(path: Path, kept: Path) -> None:
    if path.is_file() and not is_ours(path):
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, kept)
