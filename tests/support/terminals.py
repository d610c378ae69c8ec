"""Type at a real shell on a terminal of its own, as a person does, with TAB and all."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.programs import program

TAB = "\t"
# Makes of the line the words that the shell sees in it: Ctrl-A, and a command before them.
SHOW = "\x01printf '<%s>' \r"
PLAIN = {"PS1": "", "PROMPT": "", "TERM": "dumb", "COLUMNS": "400", "LINES": "100"}
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
}


def completed(shell: str, lines: Sequence[str], folder: Path, home: Path) -> list[str]:
    """What a shell prints when TAB is typed behind each line: candidates, and its words in <>."""
    (home / "bin").mkdir(exist_ok=True)
    own = home / "bin" / "mlenv"
    own.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mlenv "$@"\n', "utf-8")
    own.chmod(0o755)
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("MLENV_", "COMP_"))}
    variables = {**kept, **PLAIN, "HOME": str(home), "PATH": f"{own.parent}:{kept['PATH']}"}
    if shell == "fish":
        return [_of_fish(line, folder, variables) for line in lines]
    argv, setup = SHELLS[shell]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [program(argv[0]), *argv[1:]], stdin=theirs, stdout=theirs, stderr=theirs,
        cwd=folder, env=variables, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        typed = [f"{line}\r" for line in setup] + [
            f"echo @{n}@\r{line}{TAB}{SHOW}echo\r" for n, line in enumerate(lines)
        ]
        printed = ""
        for keys in (*typed, "echo @end@; exit\r"):
            os.write(ours, keys.encode())
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # it has ended
                break
            printed += piece.decode("utf-8", "replace")
            if not piece:
                break
        process.wait()
    os.close(ours)
    return [_between(printed, n) for n in range(len(lines))]


def _between(printed: str, number: int) -> str:
    """What was printed after the mark of one line and before the next mark."""
    after = re.split(rf"\n@{number}@\r?\n", printed)[-1]
    return re.split(r"\n@(?:\d+|end)@\r?\n", after)[0]


def _of_fish(line: str, folder: Path, variables: dict[str, str]) -> str:
    script = "_MLENV_COMPLETE=fish_source mlenv | source; complete -C $argv[1]"
    argv = [program("fish"), "--no-config", "-c", script, line]
    done = subprocess.run(argv, cwd=folder, env=variables, capture_output=True, text=True)
    return "".join(f"<{each.partition(TAB)[0]}>" for each in done.stdout.splitlines())
