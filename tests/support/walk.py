"""A newcomer at a terminal, who types a wish, and then only what the answers say to type."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

_QUOTED = re.compile(r"`(mlenv [^`]+)`(?! elsewhere)")
_NEXT = re.compile(r"^Next: (mlenv [^,\n]+)", re.MULTILINE)
_COMMAND = re.compile(r"^ {10}(mlenv .+)$", re.MULTILINE)  # below a finding of the doctor's
_PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b|\.\.")
# What only tells: the wish would get the same answer again.
_READS = re.compile(r"mlenv (explain|status|profiles|models( where|$)|version|doctor(?!.*--fix))")
SHOWN = 10  # first and last lines of an answer in a page
LAST = 6  # lines in which an answer says what is next


@dataclass(frozen=True, slots=True)
class Step:
    """What was typed, how it ended, and what the terminal showed."""

    command: str
    exit_code: int
    shown: str

    def named(self) -> list[str]:
        """The commands that the answer says to type, in the order in which a reader meets them."""
        end = "\n".join(self.shown.splitlines()[-LAST:])
        found = [*_NEXT.findall(self.shown), *_quoted(end), *_COMMAND.findall(self.shown)]
        found += _quoted(self.shown)
        return [each for each in dict.fromkeys(found) if not _PLACEHOLDER.search(each)]


def _quoted(text: str) -> list[str]:
    """Commands in backquotes, which a narrow terminal may have broken."""
    return [" ".join(each.split()) for each in _QUOTED.findall(text)]


@dataclass
class Walk:
    """A home, the variables of its terminal, and a command that starts every other (`setpriv`)."""

    home: Path
    variables: Mapping[str, str]
    prefix: Sequence[str] = ()
    steps: list[Step] = field(default_factory=list)

    def towards(self, wish: str, most: int = 12) -> list[str]:
        """Type the wish until it comes true or no answer says what else; the commands typed."""
        waiting: list[str] = []
        typed = {wish}
        step = self.type(wish)
        while step.exit_code or step.command != wish:
            assert len(self.steps) < most, [each.command for each in self.steps]
            if step.exit_code == 0 and not _READS.match(step.command):
                step, waiting = self.type(wish), []
                continue
            waiting = [*step.named(), *waiting]
            left = [each for each in dict.fromkeys(waiting) if each not in typed]
            if not left:
                break
            waiting = left[1:]
            typed.add(left[0])
            step = self.type(left[0])
        return [each.command for each in self.steps]

    def type(self, command: str) -> Step:
        """Run a command on a terminal of 80 columns."""
        ours, theirs = pty.openpty()
        ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
        with subprocess.Popen(
            [*self.prefix, "bash", "-c", command], stdin=subprocess.DEVNULL,
            stdout=theirs, stderr=theirs, cwd=self.home, start_new_session=True,
            env={**self.variables, "HOME": str(self.home), "TERM": "dumb", "NO_COLOR": "1"},
        ) as process:  # fmt: skip
            os.close(theirs)
            printed = b"".join(_read(ours))
        os.close(ours)
        shown = printed.decode("utf-8", "replace").replace("\r\n", "\n")
        # A line that was written over shows what came last.
        lines = [line.rpartition("\r")[2].rstrip() for line in shown.splitlines()]
        self.steps.append(Step(command, process.returncode, "\n".join(lines).strip("\n")))
        return self.steps[-1]

    def session(self) -> str:
        """The terminal as a page shows it, without the middle of long answers."""
        return "\n".join(f"$ {step.command}\n{_short(step.shown)}".rstrip() for step in self.steps)


def _short(shown: str) -> str:
    lines = shown.splitlines()
    left_out = len(lines) - 2 * SHOWN
    if left_out <= 1:
        return shown
    return "\n".join([*lines[:SHOWN], f"[{left_out} lines]", *lines[-SHOWN:]])


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # everything that could write has ended
            return
        if not piece:
            return
        yield piece
