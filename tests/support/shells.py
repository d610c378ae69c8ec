"""The real shells, each with how it sources a file and what the tests ask it to do."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlenv.environment.launchers import quoting
from tests.support.programs import program


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
    mark: str = "echo ----"
    own: tuple[bytes, ...] = (b"_",)  # variables that the shell itself sets as it goes
    end: str = ":"  # or the shell becomes the last command, in another environment

    def program(self) -> str:
        """The shell itself; a test without it fails in CI and is skipped elsewhere."""
        return program(self.argv[0])

    def run(
        self, *lines: str, env: dict[str, str], venv: Path, code: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `lines` in the real shell, with `env` and nothing else in its environment."""
        activate = str(venv / "bin" / self.script)
        text = "\n".join([*lines, self.end]) + "\n"
        text = text.replace("{activate}", quoting.nu(activate))  # nushell takes constants only
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
PWSH = Shell(
    "pwsh",
    ("pwsh", "-NoProfile", "-NonInteractive", "-Command"),
    "activate.ps1",
    source=". $env:ACTIVATE",
    code="python -c $env:CODE",
    bare="& $env:BARE -c $env:CODE",
    end="",
)
SHELLS: tuple[Shell, ...] = (
    *POSIX,
    Shell(
        "fish",
        ("fish", "--no-config", "-c"),
        "activate.fish",
        source="source $ACTIVATE",
        code="python -c $CODE",
        bare="$BARE -c $CODE",
    ),
    Shell(
        "tcsh",
        ("tcsh", "-f", "-c"),
        "activate.csh",
        source='source "$ACTIVATE:q"',
        code='python -c "$CODE:q"',
        bare='"$BARE:q" -c "$CODE:q"',
    ),
    Shell(
        "nu",
        ("nu", "-n", "-c"),
        "activate.nu",
        source="overlay use {activate}",
        code="^python -c $env.CODE",
        bare="^$env.BARE -c $env.CODE",
        dump="^env -0",
        mark='print "----"',
        own=(b"CURRENT_FILE", b"FILE_PWD", b"LAST_EXIT_CODE"),
        end="",
    ),
)
if shutil.which("pwsh"):  # it is in no package index: see test_powershell_itself
    SHELLS = (*SHELLS, PWSH)


def environments(output: bytes) -> list[dict[bytes, bytes]]:
    """What `env -0`, called several times with a line `----` between, has printed."""
    return [
        dict(entry.split(b"=", 1) for entry in part.split(b"\0") if b"=" in entry)
        for part in output.split(b"----\n")
    ]


each_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell.name)
