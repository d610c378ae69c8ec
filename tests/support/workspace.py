"""What VS Code and direnv make of the files in a project's folder."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.launching import BASE
from tests.support.programs import node_modules, program


def read_settings(path: Path) -> dict[str, object]:
    """As VS Code reads them: with its own parser, where no error is an error too many."""
    code = """
const {parse} = require('jsonc-parser'), errors = [];
const text = new TextDecoder().decode(require('fs').readFileSync(0)); // without the BOM
const value = parse(text, errors, {allowTrailingComma: true});
console.log(JSON.stringify({value, errors}));
"""
    done = subprocess.run(
        [program("node"), "-e", code],
        env={**BASE, "NODE_PATH": str(node_modules("jsonc-parser"))},
        input=path.read_bytes(),
        capture_output=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert answer["errors"] == []
    value: dict[str, object] = answer["value"]
    return value


def read_env_file(path: Path) -> dict[str, str]:
    """Stands for VS Code's Python extension, which is in no package index.

    Its rules (microsoft/vscode-python, src/client/common/variables/environment.ts): one
    `NAME=value` a line; `\\n` is a newline in quotes only; `\\$` is a dollar sign; `${NAME}` is a
    variable.
    """
    found = {}
    for line in path.read_bytes().decode().split("\n"):
        if not (match := re.match(r"^\s*([a-zA-Z]\w*)\s*=\s*(.*?)?\s*$", line)):
            continue
        value = match[2]
        if value[:1] in "'\"" and value[:1] == value[-1:]:
            value = value[1:-1].replace("\\n", "\n")
        assert not re.search(r"(?<!\\)\$\{[a-zA-Z]\w*\}", value)
        found[match[1]] = value.replace("\\$", "$")
    return found


def direnv_exports(folder: Path, environ: Mapping[str, str]) -> dict[str, str | None]:
    """What direnv would change in a shell that enters `folder`; None: what it would unset."""
    env = {**environ, "HOME": str(folder.parent), "XDG_DATA_HOME": str(folder.parent / "data")}
    tool = program("direnv")
    subprocess.run([tool, "allow", folder], env=env, check=True, capture_output=True)
    done = subprocess.run(
        [tool, "export", "json"], cwd=folder, env=env, check=True, capture_output=True
    )
    changes: dict[str, str | None] = json.loads(done.stdout)
    return {name: value for name, value in changes.items() if not name.startswith("DIRENV")}
