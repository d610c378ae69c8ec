"""How the package is built: who may import whom, and what is done in one place only."""

from __future__ import annotations

import ast
import contextlib
import graphlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import mlenv as package

SOURCE = Path(package.__file__).parent
# A wing imports only wings to its right, and the modules of the root that all may import.
WINGS = ("cli", "fleet", "speech", "doctor", "environment", "machine")
SHARED = {"result", "files", "progress", "paths"}
ENTRY = {"", "__main__"}
MAX_ROOMS, MAX_FLOORS = 10, 8
# Scripts that other interpreters run; they import nothing of mlenv.
FOREIGN = (
    "doctor.probes",
    "environment.install.import_speech",
    "fleet.ray.__main__",
    "fleet.ray.object_server",
    "fleet.ray.objects",
    "fleet.ray.pool",
    "fleet.ray.pool_server",
    "fleet.ray.seat",
    "machine.probe_nvml",
    "speech.workers",
)


def _is_foreign(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in FOREIGN)


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


def _room(module: str) -> str:
    """The wing, or the module at the root."""
    return module.split(".")[0]


def _rooms() -> dict[str, set[str]]:
    """Imports between what lies at the package's root: modules and wings."""
    found: dict[str, set[str]] = {}
    for name, imported in IMPORTS.items():
        found.setdefault(_room(name), set()).update(map(_room, imported))
    return {name: imported - {name} for name, imported in found.items()}


def _floors(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Rooms by height: each stands one floor above the highest that it imports."""
    height: dict[str, int] = {}
    for room in graphlib.TopologicalSorter(graph).static_order():
        height[room] = 1 + max((height[below] for below in graph.get(room, ())), default=-1)
    return [
        sorted(room for room in height if height[room] == floor)
        for floor in range(max(height.values()) + 1)
    ]


@pytest.mark.parametrize("graph", [IMPORTS, _rooms()], ids=["modules", "rooms"])
def test_imports_flow_one_way(graph: Mapping[str, set[str]]) -> None:
    graphlib.TopologicalSorter(graph).prepare()  # raises for a circle, and names it


def test_the_root_holds_the_wings_and_the_shared_modules() -> None:
    assert set(_rooms()) == {*WINGS, *SHARED, *ENTRY}


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_only_wings_to_its_right(wing: str) -> None:
    allowed = {*WINGS[WINGS.index(wing) :], *SHARED, ""}
    offenders = [
        f"{name} imports {imported}"
        for name in sorted(IMPORTS)
        if _room(name) == wing
        for imported in sorted(IMPORTS[name])
        if _room(imported) not in allowed
    ]
    assert offenders == []


def test_shared_modules_import_only_each_other() -> None:
    assert {name for room in SHARED for name in _rooms()[room]} <= {*SHARED, ""}


def test_few_rooms_on_few_floors(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the floors: `uv run pytest -s -k floors`."""
    graph = {room: below - ENTRY for room, below in _rooms().items() if room not in ENTRY}
    floors = _floors(graph)
    with capsys.disabled() if sys.stdout.isatty() else contextlib.nullcontext():
        for floor in reversed(floors):
            print(" ".join(floor))
    assert (len(graph) <= MAX_ROOMS, len(floors) <= MAX_FLOORS) == (True, True)


def test_only_one_package_talks_to_uv() -> None:
    talking = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name == "uv" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "uv")
    }
    assert talking == {"environment.uv.process"}


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
        if not _is_foreign(name) and any(map(_makes_an_environment, ast.walk(tree)))
    }
    assert making <= {"environment.launch"}


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
    printing = {name for name, tree in MODULES.items() if _prints(tree) and not _is_foreign(name)}
    assert printing and all(name.startswith("cli.render") for name in printing)


def test_heavy_tests_stand_apart() -> None:
    mark = "mark." + "heavy"
    folder = Path(__file__).parent
    marked = [file for file in folder.rglob("test_*.py") if mark in file.read_text("utf-8")]
    assert marked
    assert [file.name for file in marked if not file.is_relative_to(folder / "heavy")] == []


def test_scripts_for_other_interpreters_import_nothing_of_mlenv() -> None:
    scripts = {name: imported for name, imported in IMPORTS.items() if _is_foreign(name)}
    assert scripts and not any(scripts.values())


@pytest.mark.parametrize("command", ["env", "exec_", "transcribe"])
def test_what_programs_call_loads_little(command: str) -> None:
    """Each recording and each editor window starts one of these."""
    slow = ("click", "rich", "packaging", "tomlkit", "msgspec", "budoux", "wcwidth")
    slow += ("mlenv.doctor.checks", "mlenv.doctor.facts", "mlenv.speech.models")
    slow += ("mlenv.environment.lockfile", "mlenv.environment.install", "mlenv.environment.uv")
    module = f"mlenv.cli.commands.{command}"
    script = f"import sys, {module}; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_exec_imports_nothing_that_python_has_not_loaded_already() -> None:
    """It stands before each program: what it imports is all that it costs."""
    script = (
        "import sys; before = set(sys.modules)\n"
        "import mlenv.__main__, mlenv.cli.commands.exec_\n"
        "names = {m for m in set(sys.modules) - before if not m.startswith('mlenv')}\n"
        "print(sorted(names - {'__future__', 'fcntl'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_library_of_pages_is_loaded_for_pages_only() -> None:
    script = "import sys, importlib, mlenv.cli.table as table\n"
    script += "for name, _ in table.COMMANDS.values():\n"
    script += "    importlib.import_module(f'mlenv.cli.commands.{name}')\n"
    script += "print([m for m in ('jinja2', 'markupsafe') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
