"""The real shells, each with how it sources a file and what the tests ask it to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Shell:
    """`source` and the other lines are in the shell's own language.

    The script that a test runs prints the whole environment (`env -0`) between its steps.
    """

    name: str
    argv: tuple[str, ...]
    script: str  # the name of the activation script
    source: str = '. "$ACTIVATE"'
    code: str = 'python -c "$CODE"'
    deactivate: str = "deactivate"
    bare: str = '"$BARE" -c "$CODE"'
    dump: str = "env -0"
    end: str = ":"  # or the shell becomes the last command, in another environment

    def program(self) -> str:
        """The shell itself; a test without it fails in CI and is skipped elsewhere."""
        found = shutil.which(self.argv[0])
        if found is None:
            message = f"{self.argv[0]} is not installed: see .ci/packages.txt"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return found

    def run(
        self, *lines: str, env: dict[str, str], venv: Path, code: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `lines` in the real shell, with `env` and nothing else in its environment."""
        text = "\n".join([*lines, self.end]) + "\n"
        activate = str(venv / "bin" / self.script)
        return subprocess.run(
            [self.program(), *self.argv[1:], text],
            env={**env, "ACTIVATE": activate, "CODE": code, "BARE": str(venv / "bin/python")},
            capture_output=True,
            cwd="/",
        )


POSIX = (
    Shell("bash", ("bash", "--norc", "--noprofile", "-c"), "activate"),
    Shell("zsh", ("zsh", "-f", "-c"), "activate"),
    Shell("dash", ("dash", "-c"), "activate"),
)
SHELLS = (
    *POSIX,
    Shell(
        "fish",
        ("fish", "--no-config", "-c"),
        "activate.fish",
        source="source $ACTIVATE",
        code="python -c $CODE",
        bare="$BARE -c $CODE",
    ),
)


def environments(output: bytes) -> list[dict[bytes, bytes]]:
    """What `env -0`, called several times with a line `----` between, has printed."""
    return [
        dict(entry.split(b"=", 1) for entry in part.split(b"\0") if b"=" in entry)
        for part in output.split(b"----\n")
    ]
