"""Activation scripts with the real wheels, and what PowerShell's grammar says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlenv.environment import launch
from mlenv.environment.generations import links
from mlenv.environment.launchers import activate
from tests.support.launching import BASE, PROOF, PROVED, MakeVenv
from tests.support.shells import Shell, each_shell

pytestmark = pytest.mark.usefixtures("home_of_its_own")


@pytest.mark.heavy
@each_shell
def test_the_real_front_library_finds_its_parts(
    shell: Shell, real: MakeVenv, tmp_path: Path
) -> None:
    venv = real(tmp_path / 'it\'s "ml"')
    assert links.examine(launch.site_packages(venv)).present == ()
    activate.write(venv, venv)
    active = shell.run(shell.source, shell.code, env=BASE, venv=venv, code=PROOF)
    assert (active.returncode, active.stdout.decode().strip()) == (0, PROVED), active.stderr
    bare = shell.run(
        shell.source, shell.deactivate, f"{shell.bare}; echo ended", env=BASE, venv=venv, code=PROOF
    )
    assert PROVED not in bare.stdout.decode()
    assert b"Unable to load any of {libcudnn_graph.so.9.1.0" in bare.stderr


# What PowerShell's grammar does not accept: the real one is in no package index.
PARSE = """\
import sys, tree_sitter, tree_sitter_powershell
source = open(sys.argv[1], "rb").read()
language = tree_sitter.Language(tree_sitter_powershell.language())
nodes = [tree_sitter.Parser(language).parse(source).root_node]
while nodes:
    node = nodes.pop()
    nodes += node.children
    if node.type == "ERROR" or node.is_missing:
        sys.exit(f"{node.start_point}: {source[node.start_byte:node.end_byte][:80]}")
"""


@pytest.mark.heavy
def test_powershells_script_is_valid_powershell(nasty: Path, hollow: MakeVenv) -> None:
    venv = hollow(nasty / "ml")
    activate.write(venv, venv)
    grammar = ["tree-sitter==0.26.1", "tree-sitter-powershell==0.26.4"]
    wanted = [word for package in grammar for word in ("--with", package)]
    run = ["uv", "run", "-q", "--no-project", *wanted, "python", "-c", PARSE]
    done = subprocess.run([*run, venv / "bin/activate.ps1"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
