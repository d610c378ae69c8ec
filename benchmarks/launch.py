"""What it costs to start a program in the environment, beside other ways to start one.

    uv run python benchmarks/launch.py           # needs an environment: `mlenv install`

pipenv, Poetry and Hatch come from the package index, each into a folder of its own. conda is not
to be had there (its releases are withdrawn); it is measured where `conda` is on PATH.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import Command, Comparison, compare, keep

from mlenv import paths
from mlenv.environment import launch, uv
from mlenv.environment.launchers import commands

TOOLS = {"pipenv": "pipenv==2026.10.3", "poetry": "poetry==2.5.1", "hatch": "hatch==1.18.2"}
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


def added(what: str, ours: Command, theirs: Command, goal_ms: float, runs: int = 80) -> Comparison:
    """How many milliseconds one command takes more than another, the fastest run of each.

    For times this short: whatever else the machine does can only add to them.
    """
    ours.seconds(), theirs.seconds()
    pairs = [(ours.seconds(), theirs.seconds()) for _ in range(runs)]
    fastest = min(a for a, _ in pairs), min(b for _, b in pairs)
    difference = (fastest[0] - fastest[1]) * 1000
    print(f"{what}: {difference:.1f} ms  (goal: at most {goal_ms:.0f})", flush=True)
    return Comparison(
        f"{what}: {difference:.1f} ms, goal {goal_ms:.0f} ms",
        ours.name,
        theirs.name,
        *fastest,
        statistics.median(a / b for a, b in pairs),
        None,
    )


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
    bare = Command("bare python", [python, "-c", "pass"])
    ours = Command("mlenv exec", [mlenv, "exec", "--venv", venv, *PASS])
    nothing = Command("nothing", ["true"])
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not (shims := venv / commands.FOLDER).is_dir():
            sys.exit(f"{shims} is missing: run `mlenv shim install commands`")
        shim = Command("shims/python", [shims / "python", "-c", "pass"])
        results.append(added("what a shim adds to bare python", shim, bare, 5))
        results.append(added("what `mlenv exec` adds to bare python", ours, bare, 60))
        env = Command("mlenv env", [mlenv, "env", "--venv", venv])
        results.append(added("`mlenv env`", env, nothing, 80, runs=30))
        others = [tool(name, folder) for name in TOOLS]
        if conda := shutil.which("conda"):
            others.append(Command("conda run", [conda, "run", "-n", "base", *PASS]))
        for other in others:
            results.append(
                compare("start python in the environment", ours, other, runs=10, goal=1.0)
            )
    keep("launch", results)


if __name__ == "__main__":
    main()
