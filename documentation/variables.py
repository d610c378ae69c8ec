"""The page of environment variables: those that the source reads, with what each does."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from documentation import markdown as md
from documentation import source

_TOP = """\
An option wins over its variable, and a variable over `config.toml`. Programs that mlenv starts (uv,
the libraries of the environment) read variables of their own as well.
"""
TABLE = Path(__file__).with_name("variables.toml")
_OURS = re.compile(r"MLENV_[A-Z][A-Z_]*[A-Z]")
# What mlenv's own scripts hand from one line to the next.
_INTERNAL = re.compile(r"MLENV_(OLD|WAS|TEST)_?|MLENV_PROGRAM$|MLENV_COMPLETE$")


def markdown() -> str:
    """The whole page."""
    parts = [md.head("Environment variables", _TOP)]
    described = descriptions()
    for group, rows in described.items():
        parts.append(f"## {group}\n")
        parts.append(md.table(("variable", ""), ((md.code(n), t) for n, t in rows.items())))
    if missing := sorted(read() - {name for rows in described.values() for name in rows}):
        parts.append("## Others\n")
        parts.append(md.table(("variable", ""), ((md.code(name), "") for name in missing)))
    return "\n".join(parts)


@cache
def descriptions() -> dict[str, dict[str, str]]:
    """What each variable does, by group and name."""
    groups: dict[str, dict[str, str]] = tomllib.loads(TABLE.read_text("utf-8"))
    return groups


@cache
def read() -> set[str]:
    """The names of all variables that the source reads."""
    return {name for module, tree in source.trees().items() for name in _names(module, tree)}


def _names(module: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if _OURS.fullmatch(text):
                if not _INTERNAL.match(text):
                    yield text
            case ast.Call(func=ast.Attribute(attr="get", value=place), args=[key, *_]):
                yield from _key(key, place, module)
            case ast.Subscript(value=place, slice=key, ctx=ast.Load()):
                yield from _key(key, place, module)
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[place]):
                yield from _key(key, place, module)


def _key(key: ast.AST, place: ast.AST, module: str) -> Iterator[str]:
    if re.search(r"environ$", ast.unparse(place)):
        for name in source.strings(key, module):
            if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
                yield name
