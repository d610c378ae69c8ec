"""Snapshots: all facts of one machine as a JSON file that can be judged on another.

User names and the home directory are taken out; secrets never were in the facts.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlenv import __version__
from mlenv.doctor.facts import Facts
from mlenv.files import write_atomically
from mlenv.result import NOT_DIAGNOSED, MlenvError

SCHEMA = 1
SOMEBODY = "/home/user"
_HOMES = re.compile(r"(/home|/Users)/[^/:;,\s\"']+")


def written(facts: Facts, home: str, user: str) -> str:
    """The text of a snapshot, without the user's name and home directory."""
    document = {
        "schema": SCHEMA,
        "mlenv": __version__,
        "facts": _without_names(dataclasses.asdict(facts), home.rstrip("/"), user),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read(text: str, place: str) -> Facts:
    """The facts of a snapshot; raises `MlenvError` (exit code 3) for anything else.

    `doctor --json` of another machine does too: its `data` has the facts.
    """
    try:
        document = json.loads(text)
        told = document["facts"] if "facts" in document else document["data"]["facts"]
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']}")
        facts: Facts = _value(Facts, told)
        return facts
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MlenvError(
            "no-snapshot",
            f"{place} is no snapshot that this mlenv can read ({type(error).__name__}: {error}).",
            "Make one with `mlenv doctor --snapshot FILE`.",
            exit_code=NOT_DIAGNOSED,
        ) from error


def _without_names(value: Any, home: str, user: str) -> Any:
    if isinstance(value, str):
        if len(home) > 1:
            value = re.sub(re.escape(home) + r"(?=/|:|$|[\s\"',;])", SOMEBODY, value)
        value = _HOMES.sub(SOMEBODY, value)
        if len(user) > 2 and user != "root":
            value = re.sub(rf"(?<=/){re.escape(user)}(?=/|$)", "user", value)
        return value
    if isinstance(value, Mapping):
        return {key: _without_names(item, home, user) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_names(item, home, user) for item in value]
    return value


def _value(kind: Any, told: Any) -> Any:
    """`told`, as JSON carries it, as the type that the records declare."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if told is None:
            return None
        return _value(next(a for a in arguments if a is not type(None)), told)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_value(arguments[0], item) for item in told)
        return tuple(_value(a, item) for a, item in zip(arguments, told, strict=True))
    if origin is Mapping or kind is Mapping:
        return {str(key): _value(arguments[1], item) for key, item in told.items()}
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _value(hints[name], item) for name, item in told.items()})  # type: ignore[operator]
    if kind in (str, int, bool) and not isinstance(told, kind):
        raise TypeError(f"{told!r} is no {kind.__name__}")
    return told


def save(facts: Facts, file: Path, home: str, user: str) -> None:
    """Write a snapshot; raises `MlenvError` where that can't be."""
    write_atomically(file, written(facts, home, user))
