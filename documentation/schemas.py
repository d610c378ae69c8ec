"""JSON Schema of every document: the records that commands print, and their envelope."""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from mlenv.cli.render import SCHEMA
from mlenv.cli.table import COMMANDS
from mlenv.result import Result


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """One error: `code` stays what it is, `message` is for people; `path` is the file, if any.

    `uri`: its address, only where its name is not UTF-8.
    """

    code: str
    path: str | msgspec.UnsetType = msgspec.UNSET
    uri: str | msgspec.UnsetType = msgspec.UNSET
    message: str


@cache
def records() -> dict[str, tuple[Any, ...]]:
    """The records that `--json` may print as `data`, by command."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, (module_name, _) in COMMANDS.items():
        command = importlib.import_module(f"mlenv.cli.commands.{module_name}").cli
        for path, callback in _callbacks(name, command):
            found_here = tuple(dict.fromkeys(_types_of(_returned(callback))))
            if found_here:
                found[path] = found_here
    from mlenv.cli.commands.transcription import Transcribed

    found["exec transcribe"] = (Transcribed,)
    return dict(sorted(found.items()))


def _returned(callback: Any) -> Any:
    """The annotation of what a command returns; others may name what only a type checker loads."""
    hint = SimpleNamespace(__annotations__={"return": callback.__annotations__.get("return")})
    return typing.get_type_hints(hint, inspect.unwrap(callback).__globals__)["return"]


def _callbacks(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if command.callback:
        yield name, command.callback
    for below, each in getattr(command, "commands", {}).items():
        yield from _callbacks(f"{name} {below}", each)


def _types_of(hint: Any) -> Iterator[Any]:
    """The records in `Result[A | B]`, `Result[A] | Result[B]` or `Result[A] | None`."""
    if typing.get_origin(hint) is Result:
        (inner,) = typing.get_args(hint)
        members = typing.get_args(inner) if _is_union(inner) else (inner,)
        yield from (each for each in members if each is not Any)
    elif _is_union(hint):
        for each in typing.get_args(hint):
            yield from _types_of(each)


def _is_union(hint: Any) -> bool:
    return isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union


def schema_of(kinds: tuple[Any, ...]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a document that is one of these records."""
    tops, components = msgspec.json.schema_components(
        kinds, ref_template="#/$defs/{name}", schema_hook=_other
    )
    top = dict(tops[0]) if len(tops) == 1 else {"anyOf": list(tops)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": components,
    }  # fmt: skip


def envelope_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of what `mlenv NAME --json` prints."""
    data = schema_of(records()[name])
    definitions = data.pop("$defs")
    dialect = data.pop("$schema")
    (error,), more = msgspec.json.schema_components([Error], ref_template="#/$defs/{name}")
    return {
        "$schema": dialect,
        "title": f"mlenv {name} --json",
        "type": "object",
        "properties": {
            "schema": {"const": SCHEMA, "description": "Version of this envelope."},
            "mlenv": {"type": "string", "description": "Version of mlenv."},
            "command": {"type": "string"},
            "ok": {"type": "boolean", "description": "All that was asked for is done."},
            "exit_code": {"type": "integer"},
            "data": {"anyOf": [data, {"type": "object", "maxProperties": 0}]},
            "errors": {"type": "array", "items": error},
        },
        "required": ["schema", "mlenv", "command", "ok", "exit_code", "data", "errors"],
        "$defs": {**definitions, **more},
    }


def _other(kind: type) -> dict[str, Any]:
    if issubclass(kind, Path):
        return {"type": "string"}
    if kind is object:
        return {"description": "Any value."}
    raise NotImplementedError(kind)
