"""The example for Node, built, and run with the real Node."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.launching import BASE
from tests.support.places import ROOT
from tests.support.programs import node_modules, program

# Spawns Python with argv and prints each line with the time when it came, in milliseconds.
RUN = """\
import { launchEnvironment } from "./dist/environment.js";
import { jsonLines } from "./dist/lines.js";
const environment = await launchEnvironment(process.env.MLENV);
try {
  for await (const line of jsonLines(environment, process.argv.slice(2))) {
    console.log(JSON.stringify({ line, at: performance.now() }));
    if (line === "enough") break;
  }
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
"""


@pytest.fixture(scope="module")
def node_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built."""
    modules = node_modules("typescript")
    folder = tmp_path_factory.mktemp("node") / "example"
    ignored = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(ROOT / "examples/node", folder, ignore=ignored)
    (folder / "node_modules").symlink_to(modules)
    wanted = json.loads((folder / "package.json").read_text("utf-8"))["devDependencies"]
    for name, version in wanted.items():
        there = json.loads((modules / name / "package.json").read_text("utf-8"))["version"]
        assert there == version, f"{name}: .ci/npm-packages.txt has another version"
    compiler = modules / "typescript/bin/tsc"
    built = subprocess.run([program("node"), compiler], cwd=folder, capture_output=True, text=True)
    assert (built.returncode, built.stdout) == (0, "")
    (folder / "run.mjs").write_text(RUN, "utf-8")
    return folder


@pytest.fixture
def node_environ(tmp_path: Path) -> dict[str, str]:
    mlenv = tmp_path / "mlenv program"
    mlenv.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlenv "$@"\n', "utf-8")
    mlenv.chmod(0o755)
    return {**BASE, "MLENV": str(mlenv)}


def lines_of(node_example: Path, code: str, env: dict[str, str]) -> list[dict[str, object]]:
    done = subprocess.run(
        [program("node"), node_example / "run.mjs", "-c", code],
        env=env,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]
