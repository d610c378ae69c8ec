"""The source of mlenv as syntax trees: constants and calls that a page lists."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import mlenv

PACKAGE = Path(mlenv.__file__).parent


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax tree of each module, by its path from the project's root."""
    return {
        f"mlenv/{file.relative_to(PACKAGE).as_posix()}": ast.parse(file.read_text("utf-8"))
        for file in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def _constants() -> dict[str, dict[str, str]]:
    """The strings that modules give a name, by module and name."""
    return {
        module: {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for module, tree in trees().items()
    }


def strings(node: ast.AST | None, module: str) -> Iterator[str]:
    """The strings that an expression may be: literals, named constants, either side of an `if`."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=yes, orelse=no):
            yield from strings(yes, module)
            yield from strings(no, module)
        case ast.Name(id=name) if name in _constants()[module]:
            yield _constants()[module][name]
        case ast.Name(id=name) | ast.Attribute(attr=name) if name.isupper():
            yield from {names[name] for names in _constants().values() if name in names}


def texts(node: ast.AST | None, function: ast.AST) -> Iterator[str]:
    """The messages that an expression in a function may be, with `…` for what is put in."""
    match node:
        case ast.Constant(value=str(value)):
            yield value
        case ast.JoinedStr(values=parts):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            for first in texts(left, function):
                yield from (first + second for second in texts(right, function) or ("…",))
        case ast.IfExp(body=yes, orelse=no):
            yield from texts(yes, function)
            yield from texts(no, function)
        case ast.Name(id=name):
            for each in ast.walk(function):
                if isinstance(each, ast.Assign) and name in map(_name, each.targets):
                    yield from texts(each.value, function)


def _name(node: ast.AST) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def functions(tree: ast.Module) -> Iterator[ast.AST]:
    """The outermost functions and methods of a module, and what stands outside of them."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.ClassDef) else (node,)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """All calls, with the last name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield _name(node.func), node
