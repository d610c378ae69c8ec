"""What it costs to start a program in the environment, beside other ways to start one.

    uv run python benchmarks/launch.py           # needs an environment: `mlenv install`

pipenv, Poetry and Hatch come from the package index, each into a folder of its own. conda is not
to be had there (its releases are withdrawn); it is measured where `conda` is on PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from timing import Command, Comparison, compare, keep

from mlenv import paths
from mlenv.environment import launch, uv
from mlenv.environment.launchers import commands

TOOLS = {"pipenv": "pipenv==2026.10.3", "poetry": "poetry==2.5.1", "hatch": "hatch==1.18.2"}
RUNS = 80
PASS = ("python", "-c", "pass")
PYPROJECT = """\
[project]
name = "empty"
version = "0"
requires-python = ">=3.11"

[tool.poetry]
package-mode = false

[tool.hatch.envs.default]
skip-install = true
"""


def added(commands: Sequence[Command], runs: int = 80) -> list[float]:
    """Milliseconds that each command takes more than the first one: the fastest run of each.

    For times this short: whatever else the machine does can only add to them.
    """
    turns = [[command.seconds() for command in commands] for _ in range(runs + 1)]
    fastest = [min(column) * 1000 for column in zip(*turns[1:], strict=True)]
    for command, time in zip(commands, fastest, strict=True):
        print(f"{command.name:<20}{time:7.1f} ms, {time - fastest[0]:+.1f}", flush=True)
    return [time - fastest[0] for time in fastest]


def more(
    what: str, ours: tuple[Command, float], theirs: tuple[Command, float], goal: float | None
) -> Comparison:
    """What each of two commands adds to a third one, compared."""
    a, b = max(ours[1], 0.01), max(theirs[1], 0.01)
    return Comparison(what, ours[0].name, theirs[0].name, a / 1000, b / 1000, a / b, goal, RUNS)


def tool(name: str, folder: Path) -> Command:
    """`NAME run python -c pass` in an empty project whose venv is there already."""
    home, project = folder / name, folder / f"{name}-project"
    project.mkdir()
    subprocess.run([uv.binary(), "venv", "-q", home], check=True)
    python = home / "bin" / "python"
    subprocess.run(
        [uv.binary(), "pip", "install", "-q", "--python", python, TOOLS[name]], check=True
    )
    subprocess.run([uv.binary(), "venv", "-q", project / ".venv"], check=True)
    (project / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    (project / "Pipfile").write_text("[packages]\n", "utf-8")
    env = {
        **launch.for_tools(os.environ),
        "PIPENV_VENV_IN_PROJECT": "1",
        "PIPENV_IGNORE_VIRTUALENVS": "1",
        "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        "HATCH_DATA_DIR": str(folder / "hatch-data"),
    }
    run = 'cd "$1" && shift && exec "$@"'
    argv = ["sh", "-c", run, "sh", project, home / "bin" / name, "run", *PASS]
    return Command(f"{name} run", argv, env)


def main() -> None:
    venv = paths.venv_path(None, os.environ)
    python = venv / "bin" / "python"
    mlenv = Path(sys.executable).with_name("mlenv")
    if not (shims := venv / commands.FOLDER).is_dir():
        sys.exit(f"{shims} is missing: run `mlenv shim install commands`")
    bare = Command("bare python", [python, *PASS[1:]])
    ours = Command("mlenv exec", [mlenv, "exec", "--venv", venv, *PASS])
    shim = Command("shims/python", [shims / "python", *PASS[1:]])
    nothing = Command("nothing", ["true"])
    env = Command("mlenv env", [mlenv, "env", "--venv", venv])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uv_run = Command("uv run", *_uv_run(folder, venv))
        _, exec_ms, uv_ms, shim_ms = added([bare, ours, uv_run, shim], RUNS)
        added([nothing, env], RUNS)
        what = "what it adds to bare python"
        results = [
            more(what, (ours, exec_ms), (uv_run, uv_ms), 1.0),
            more(what, (shim, shim_ms), (uv_run, uv_ms), None),
        ]
        others = [tool(name, folder) for name in TOOLS]
        if conda := shutil.which("conda"):
            others.append(Command("conda run", [conda, "run", "-n", "base", *PASS]))
        for other in (uv_run, *others):
            results.append(
                compare("start python in the environment", ours, other, runs=20, goal=1.0)
            )
        results.append(compare("print the variables", env, bare, runs=20))
    keep("launch", results)


def _uv_run(folder: Path, venv: Path) -> tuple[list[str | Path], dict[str, str]]:
    """`uv run` in an empty project whose `.venv` is the environment, and its variables."""
    project = folder / "uv-project"
    project.mkdir()
    (project / "pyproject.toml").write_text(PYPROJECT.partition("[tool.")[0], "utf-8")
    (project / ".venv").symlink_to(venv)
    argv: list[str | Path] = [uv.binary(), "run", "--project", project, "--no-sync", *PASS]
    return argv, launch.for_tools(os.environ)


if __name__ == "__main__":
    main()
