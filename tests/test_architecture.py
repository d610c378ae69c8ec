"""How the package is built: who may import whom, and what is done in one place only."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import mlenv as package

SOURCE = Path(package.__file__).parent
FOREIGN = ("probes", "speech")  # scripts that other interpreters run


def _name(path: Path) -> str:
    """Dotted, below `mlenv`; a package is named without its `__init__`."""
    dotted = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    return dotted.removesuffix("__init__").rstrip(".")


MODULES = {_name(path): ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}


def _imported(tree: ast.Module) -> Iterator[str]:
    """All that a module imports of mlenv, also within functions and for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mlenv":
            _, _, home = (node.module or "").partition(".")
            for alias in node.names:
                inside = f"{home}.{alias.name}".lstrip(".")
                yield inside if inside in MODULES else home
        elif isinstance(node, ast.Import):
            names = [alias.name.partition(".") for alias in node.names]
            yield from (rest for first, _, rest in names if first == "mlenv")


IMPORTS = {name: {*_imported(tree)} - {name} for name, tree in MODULES.items()}


def _folder(module: str) -> str:
    return module.split(".")[0]


def _folders() -> dict[str, set[str]]:
    """The same between what lies in the package's root: modules and folders."""
    found: dict[str, set[str]] = {}
    for name, imported in IMPORTS.items():
        found.setdefault(_folder(name), set()).update(map(_folder, imported))
    return {name: imported - {name} for name, imported in found.items()}


@pytest.mark.parametrize("graph", [IMPORTS, _folders()], ids=["modules", "folders"])
def test_imports_flow_one_way(graph: Mapping[str, set[str]]) -> None:
    graphlib.TopologicalSorter(graph).prepare()  # raises for a circle, and names it


def test_what_is_wanted_stands_below_what_builds_it() -> None:
    """Profiles and locks are read by many; how a generation is built, only commands know, and
    the mending. What kind of machine this is, `provision.host` tells anybody."""
    building = {name for name in MODULES if _folder(name) == "provision"} - {"provision.host"}
    knowing = {_folder(name) for name, imported in IMPORTS.items() if imported & building}
    assert knowing == {"provision", "commands", "fix"}
    assert _folders()["locking"] == {"launch", "paths", "result", "uv"}


def test_only_one_package_talks_to_uv() -> None:
    talking = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name == "uv" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "uv")
    }
    assert talking == {"uv.process"}


def _is_environ(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ"


def _makes_an_environment(node: ast.AST) -> bool:
    """Whether variables are set for this process, or copied for another one."""
    match node:
        case ast.Dict():
            return any(map(_is_environ, node.values))
        case ast.Call(func=ast.Name(id="dict"), args=[first, *_]):
            return _is_environ(first)
        case ast.Call(func=ast.Attribute(attr="copy" | "update" | "setdefault", value=value)):
            return _is_environ(value)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _is_environ(left) or _is_environ(right)
        case ast.Subscript(ctx=ast.Store() | ast.Del(), value=value):
            return _is_environ(value)
    return False


def test_only_launch_makes_process_environments() -> None:
    making = {
        name
        for name, tree in MODULES.items()
        if _folder(name) not in FOREIGN and any(map(_makes_an_environment, ast.walk(tree)))
    }
    assert making <= {"launch"}


def _prints(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "print")
            or (isinstance(node.func, ast.Attribute) and node.func.attr == "echo")
        )
        for node in ast.walk(tree)
    )


def test_only_render_prints() -> None:
    """Scripts that other interpreters run speak to mlenv through their output."""
    printing = {_folder(name) for name, tree in MODULES.items() if _prints(tree)}
    assert printing - {*FOREIGN} == {"render"}


def test_scripts_for_other_interpreters_import_nothing_of_mlenv() -> None:
    scripts = {name: imported for name, imported in IMPORTS.items() if _folder(name) in FOREIGN}
    assert scripts and not any(scripts.values())


@pytest.mark.parametrize("command", ["env", "exec_", "transcribe"])
def test_what_programs_call_loads_little(command: str) -> None:
    """Each recording and each editor window starts one of these."""
    slow = ("click", "rich", "packaging", "tomlkit")
    slow += ("mlenv.checks", "mlenv.facts", "mlenv.locking", "mlenv.models", "mlenv.provision")
    slow += ("mlenv.uv",)
    script = f"import sys, mlenv.commands.{command}; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
