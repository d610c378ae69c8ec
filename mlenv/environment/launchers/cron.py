"""cron: a line to paste. The command shim sets the environment, so the line needs no variables."""

from __future__ import annotations

from mlenv.environment.launchers import commands
from mlenv.environment.launchers.launcher import PASTE, Place, Shim
from mlenv.environment.launchers.quoting import posix


def install(place: Place) -> Shim:
    python = _word(str(place.venv / commands.FOLDER / "python"))
    return Shim(
        PASTE,
        paste=f'15 3 * * * {python} "$HOME/nightly.py"',
        todo="Put this line into your crontab (`crontab -e`), with your own time and script.",
    )


def remove(place: Place) -> Shim:
    return Shim(PASTE, todo="mlenv wrote nothing: take the line out with `crontab -e`.")


def look(place: Place) -> Shim:
    return Shim(PASTE)


def _word(text: str) -> str:
    """One word of a crontab's command: there, `%` and a newline end it (crontab(5))."""
    if not {"%", "\n"} & set(text):
        return posix(text)
    special = {"%": "\\045", "\n": "\\012", "\\": "\\134", "'": "\\047"}
    escaped = "".join(special.get(letter, letter) for letter in text)
    return f"\"$(printf '{escaped}')\""
