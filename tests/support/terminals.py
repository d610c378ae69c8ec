"""Type at a real shell on a terminal of its own, as a person does, with TAB and all."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from fcntl import ioctl
from functools import partial
from pathlib import Path
from termios import TIOCSWINSZ

from tests.support.programs import program

TAB = "\t"
# Makes of the line the words that the shell sees in it: Ctrl-A, and a command before them.
SHOW = "\x01printf '<%s>' \r"
PLAIN = {"PS1": "", "PROMPT": "", "TERM": "dumb", "COLUMNS": "400", "LINES": "100"}
LONGEST = 60.0  # seconds until candidates are there, on a machine with much else to do
QUIET = 0.3  # seconds without output, after which a shell has shown what it has
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|\(B)")
SHELLS = {
    "bash": (
        ("bash", "--norc", "--noprofile", "-i"),
        (
            "bind 'set show-all-if-ambiguous on' 'set page-completions off'",
            "bind 'set completion-query-items -1' 'set enable-bracketed-paste off'",
            'eval "$(_MLENV_COMPLETE=bash_source mlenv)"',
        ),
    ),
    "zsh": (
        ("zsh", "-f", "-i"),
        (
            "bindkey -e; unsetopt prompt_sp prompt_cr beep; LISTMAX=0; setopt list_ambiguous",
            "autoload -Uz compinit; compinit -u -D",
            'eval "$(_MLENV_COMPLETE=zsh_source mlenv)"',
        ),
    ),
    "fish": (  # it wants a terminal that controls it, and lists nothing on a dumb one
        ("setsid", "--ctty", "--wait", "fish", "--no-config", "-i"),
        (
            "function fish_prompt; end; function fish_mode_prompt; end; function fish_title; end",
            "_MLENV_COMPLETE=fish_source mlenv | source",
        ),
    ),
}


class _Terminal:
    """A terminal's end that a person sits at."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.printed = ""
        self._rest = b""

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def read(self, until: Callable[[], bool]) -> bool:
        """Read until that is so and nothing comes any more; False at the terminal's end."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self._descriptor], [], [], QUIET)
            if not ready:
                if until():
                    return True
                continue
            try:
                piece = os.read(self._descriptor, 65536)
            except OSError:  # the shell has ended
                piece = b""
            if not piece:
                return False
            self.printed += piece.decode("utf-8", "replace")
        raise TimeoutError(self.printed[-2000:])


def completed(shell: str, lines: Sequence[str], folder: Path, home: Path) -> list[str]:
    """What a shell prints when TAB is typed behind each line: candidates, and its words in <>."""
    (home / "bin").mkdir(exist_ok=True)
    own, calls = home / "bin" / "mlenv", home / "calls"
    own.write_text(
        f'#!/bin/sh\n"{sys.executable}" -m mlenv "$@"\ncode=$?\necho >> "{calls}"\nexit $code\n',
        "utf-8",
    )
    own.chmod(0o755)
    calls.write_text("")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("MLENV_", "COMP_"))}
    variables = {**kept, **PLAIN, "HOME": str(home), "PATH": f"{own.parent}:{kept['PATH']}"}
    if shell == "fish":
        variables["TERM"] = "xterm"
    argv, setup = SHELLS[shell]
    program(shell)
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 100, 400, 0, 0))
    with subprocess.Popen(
        argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=variables,
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        terminal = _Terminal(ours)
        for line in setup:
            terminal.type(f"{line}\r")
        terminal.read(lambda: bool(calls.read_text()))
        for number, line in enumerate(lines):
            before = calls.stat().st_size
            terminal.type(f"echo @{number}@\r{line}{TAB}")
            terminal.read(partial(_has_grown, calls, before))
            terminal.type(f"{SHOW}echo\r")
        terminal.type("echo @end@; exit\r")
        while terminal.read(lambda: False):
            pass
        process.wait()
    os.close(ours)
    printed = _ESCAPES.sub("", terminal.printed)
    return [_between(printed, n) for n in range(len(lines))]


def _has_grown(file: Path, before: int) -> bool:
    return file.stat().st_size > before


def _between(printed: str, number: int) -> str:
    """What was printed after the mark of one line and before the next mark."""
    after = re.split(rf"\n@{number}@\r*\n", printed)[-1]
    return re.split(r"\n@(?:\d+|end)@\r*\n", after)[0]
