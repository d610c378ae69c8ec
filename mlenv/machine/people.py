"""Names of people and their home directories: left out of what is made to be handed on."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

SOMEBODY = "/home/user"
_HOMES = r"(?:/home|/Users)/[^/:;,\s\"']+"


def homes(environ: Mapping[str, str] = os.environ) -> set[str]:
    """The user's home directory, as it is written and where it really is."""
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 (never raises)
    return {home, os.path.realpath(home)}


def users(environ: Mapping[str, str] = os.environ) -> set[str]:
    """The user's names: by the variables, by the password database, before `sudo`."""
    names = {environ.get(name, "") for name in ("LOGNAME", "USER", "SUDO_USER")}
    with suppress(KeyError):  # a uid without an entry
        names.add(pwd.getpwuid(os.getuid()).pw_name)
    return names


def hidden(
    value: Any, homes: Collection[str], users: Collection[str], *, home: str = SOMEBODY
) -> Any:
    """The value with other words for home directories, and for users' names within paths.

    `homes` become `home`, those of other people `/home/user`. Numbers and keys stay.
    """
    return _hidden(value, _pattern(homes, users), home)


def _pattern(homes: Collection[str], users: Collection[str]) -> re.Pattern[str]:
    directories = (home.rstrip("/") for home in homes)
    places = [
        rf"(?<![\w.-]){re.escape(each)}"
        for each in sorted(directories, key=len, reverse=True)
        if each
    ]
    people = [rf"(?<=/){re.escape(each)}" for each in users if len(each) > 2 and each != "root"]
    return re.compile(
        rf"(?:(?P<own>{'|'.join(places) or '(?!)'})|(?P<home>{_HOMES})"
        rf"|(?P<user>{'|'.join(people) or '(?!)'}))(?=/|$|[:;,\s\"'])"
    )


def _hidden(value: Any, names: re.Pattern[str], home: str) -> Any:
    def other(match: re.Match[str]) -> str:
        if match["own"]:
            return home
        return SOMEBODY if match["home"] else "user"

    if isinstance(value, str):
        return names.sub(other, value)
    if isinstance(value, Mapping):
        return {key: _hidden(item, names, home) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item, names, home) for item in value]
    return value
