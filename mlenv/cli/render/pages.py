"""Web pages of a report: one file each, with all that it needs inside.

Whatever comes from a machine is escaped. Home directories are written as `~`, so that commands can
still be copied, and users' names as `user`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import jinja2
import msgspec
from markupsafe import Markup, escape

from mlenv import __version__
from mlenv.machine import people

Record = TypeVar("Record")
TEMPLATES = Path(__file__).with_name("templates")
HOME = "~"
_UNWRITABLE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_UNITS = ("B", "kB", "MB", "GB", "TB")


def page(template: str, **values: Any) -> str:
    """The page that a template makes of these values."""
    html = _environment().get_template(template).render(version=__version__, **values)
    # Names of files may have bytes that are no text, and characters that no page may have.
    return re.sub(_UNWRITABLE, "\ufffd", html).encode("utf-8", "backslashreplace").decode()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {each.__name__: each for each in (size, seconds, short, prose, moment)}
    return environment


def without_names(record: Record) -> Record:
    """The record without the home directory and the names of this machine's user."""
    plain = msgspec.to_builtins(record, enc_hook=str)
    hidden = people.hidden(plain, people.homes(), people.users(), home=HOME)
    return msgspec.convert(hidden, type(record))


def shell(argv: Sequence[str]) -> str:
    """A command line that can be pasted: `~` stays outside the quotes."""
    return " ".join(_quoted(word) for word in argv)


def _quoted(word: str) -> str:
    if word == HOME or not word.startswith(f"{HOME}/"):
        return word if word == HOME else shlex.quote(word)
    return f"{HOME}/{shlex.quote(word[2:])}" if word[2:] else word


def size(number: float | None) -> str:
    """Bytes in a unit that fits, three digits."""
    if number is None:
        return "not known"
    for unit in _UNITS:
        if number < 999.5 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.3g} {unit}" if unit != "B" else f"{number:.0f} B"


def moment(time: str) -> str:
    """A time of ISO 8601, to the minute; what is none stays as it is."""
    try:
        return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return time


def seconds(number: float | None) -> str:
    return "" if number is None else f"{number:.2f} s"


def short(file: str, packages: str) -> str:
    """A path from the packages' directory on, where it is in there."""
    return file.removeprefix(f"{packages}/")


def prose(text: str) -> Markup:
    """A sentence with what stands between backticks set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one is a backtick of its own
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )
