"""Transcripts on the terminal: text on standard output as it comes, all else on standard error."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

from mlenv.cli import streams
from mlenv.cli.render import silence_stdout
from mlenv.cli.render.style import bold, dim, red, yellow
from mlenv.result import MlenvError

EVERY = 10.0  # seconds between two lines of progress in a file


class Screen:
    """The terminal of one run of `transcribe`. `quiet` leaves out notes and progress."""

    def __init__(self, *, quiet: bool, progress: bool | None) -> None:
        self._quiet = quiet
        self._progress = (sys.stderr.isatty() if progress is None else progress) and not quiet
        # What can't move its cursor gets lines, as a file does.
        self._overwrites = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._last: tuple[float, str] = (0.0, "")
        self._shown = False
        self._complete = True
        self._began = time.monotonic()

    def write(self, text: str) -> None:
        """Text of a transcript, at once: somebody may be reading along."""
        self._wipe()
        self._tell_of_letters(text)
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader (`| head`) has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)
        except OSError as error:
            silence_stdout()
            raise MlenvError(
                "not-writable",
                f"Standard output can't be written to: {error.strerror}.",
                "What was heard so far is lost; --output-dir writes whole files only.",
            ) from error

    def _tell_of_letters(self, text: str) -> None:
        """Say once that standard output has not all letters."""
        if self._complete and not streams.is_unicode():
            try:
                text.encode(sys.stdout.encoding)
            except UnicodeEncodeError:
                self._complete = False
                self.note(
                    f"standard output is {sys.stdout.encoding}: letters that it lacks are written "
                    "as \\u and their number; PYTHONIOENCODING=utf-8 or -o DIR writes them all",
                    warning=True,
                )

    def line(self, event: str, fields: Mapping[str, Any]) -> None:
        """One JSON line of `--format jsonl`."""
        self.write(
            json.dumps({"event": event, **fields}, ensure_ascii=not streams.is_unicode()) + "\n"
        )

    def note(self, text: str, *, warning: bool = False) -> None:
        """One line to know."""
        if self._quiet:
            return
        if warning:
            self.warn(text)
        else:
            self._wipe()
            print(dim(text, sys.stderr), file=sys.stderr)

    def warn(self, text: str) -> None:
        """Something lost, guessed or left out: no note, so it is shown whatever else is not."""
        self._wipe()
        print(f"{yellow('warning:', sys.stderr)} {text}", file=sys.stderr)

    def error(self, text: str) -> None:
        """One file that failed, or the whole."""
        self._wipe()
        print(f"{bold(red('error:', sys.stderr), sys.stderr)} {text}", file=sys.stderr)

    def progress(self, name: str, at: float, of: float, files: tuple[int, int]) -> None:
        """Show the progress of a file in seconds of audio, and its number among all files."""
        if not self._progress or not self._is_due(name, at >= of):
            return
        self._wipe()
        at = min(at, of)  # the last window of a model goes beyond the end
        which = f"{files[0] + 1}/{files[1]} " if files[1] > 1 else ""
        share = f"{_clock(at)}/{_clock(of)}"
        spent = time.monotonic() - self._began
        done = files[0] + (at / of if of else 0.0)
        left = f", {_clock(spent / done * (files[1] - done))} left" if done > 0.02 else ""
        if not self._overwrites:
            print(f"{which}{name} {share}{left}", file=sys.stderr, flush=True)
            return
        room = shutil.get_terminal_size().columns - len(f"{which} {share}{left}") - 1
        if len(name) > room:
            name = "…" + name[len(name) - max(room, 1) + 1 :]
        print(f"\r{dim(f'{which}{name} {share}{left}', sys.stderr)}", end="", file=sys.stderr)
        sys.stderr.flush()
        self._shown = True

    def _is_due(self, name: str, over: bool) -> bool:
        """Tell if progress is shown: always on a terminal, at times where each is a line."""
        now = time.monotonic()
        seen, of = self._last
        if not self._overwrites and name == of and not over and now - seen < EVERY:
            return False
        self._last = (now, name)
        return True

    def end(self) -> None:
        """Leave a clean line."""
        self._wipe()

    def _wipe(self) -> None:
        if self._shown:
            print("\r\x1b[2K", end="", file=sys.stderr)
            self._shown = False


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
