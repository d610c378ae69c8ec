"""`mlenv exec transcribe --serve`: requests on standard input, events on standard output.

Each answer has the lines of `--format jsonl`, with the request's id, up to its own `end`.
"""

from __future__ import annotations

import argparse
import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path

from mlenv.cli.commands.chosen_models import ChosenModels
from mlenv.cli.interruption import Interrupted
from mlenv.cli.render.transcribe import Screen
from mlenv.machine import driver
from mlenv.result import DONE, FAILED, MlenvError, Problem
from mlenv.speech.transcribe import events, left_out, request_lines
from mlenv.speech.transcribe.diarization import Pipeline
from mlenv.speech.transcribe.request_lines import Cancel, Id, Malformed, Request
from mlenv.speech.transcribe.service import Answer, Service
from mlenv.speech.transcribe.session import Models

STANDARD_INPUT = 0
INTERRUPTED = Problem(
    "interrupted",
    "Interrupted: what was done is answered.",
    hint="Start it again, and send what was not answered.",
)
CANCELLED = Problem("cancelled", "The request was taken back.")


class Serving:
    """One run of the command: what was answered so far, in numbers."""

    def __init__(self, venv: Path, options: argparse.Namespace) -> None:
        self._venv = venv
        self._screen = Screen(quiet=options.quiet, progress=False)
        self._chosen = ChosenModels(venv, self._screen.note)
        models = Models(self._chosen.words, self._pipeline)
        defaults = request_lines.defaults(options)
        self._service = Service(venv, models, defaults, options.idle_timeout)
        self._done = self._failed = self._cancelled = 0

    def run(self) -> int:
        """Answer until the input ends, nothing is asked for too long, or a signal comes."""
        words = (STANDARD_INPUT, self._service.inbox, self._service.room)
        threading.Thread(target=request_lines.listen, args=words, daemon=True).start()
        code, errors = DONE, list[Problem]()
        try:
            with contextlib.closing(self._service):
                for answer in self._service.answers():
                    self._tell(answer)
        except Interrupted as interrupted:
            code = interrupted.exit_code
            errors.append(INTERRUPTED)
            self._give_up(code)
        if trouble := driver.unanswered():
            self._screen.error(trouble)
        code = code or (FAILED if self._failed else DONE)
        counts = {"done": self._done, "failed": self._failed, "cancelled": self._cancelled}
        self._end(None, code, errors, **counts)
        return code

    def _pipeline(self, options: argparse.Namespace) -> Pipeline:
        left_out.raise_without_diarization(self._venv)
        return self._chosen.speakers(options)

    def _tell(self, answer: Answer) -> None:
        request = answer.request
        match answer.event:
            case events.Note() as note:
                self._screen.note(note.text, warning=note.warning)
            case events.Warned() as warned:
                self._screen.warn(warned.text)
            case Malformed() as wrong:
                self._refuse(wrong)
            case event if request:
                self._tell_of(request, event)

    def _tell_of(self, request: Request, event: events.Event | Cancel | MlenvError) -> None:
        path = request.source.shown
        match event:
            case events.Heard():
                self._screen.line(
                    "segment", {"id": request.id, **request.source.named(), **event.segment}
                )
            case events.Finished():
                waits = request.options.diarize or request.options.channels == "each"
                fields = {"id": request.id, "replaces_segments": waits, **event.transcript}
                self._screen.line("file", fields)
                if event.problem:
                    self._fail(request.id, path, event.problem)
                else:
                    self._done += 1
                    self._end(request.id, DONE, ())
            case events.Failed():
                problem = event.problem._replace(uri=request.source.uri)
                self._fail(request.id, path, problem)
            case MlenvError():
                self._fail(request.id, path, event.problem(), event.exit_code)
            case Cancel():
                self._cancelled += 1
                self._say_failed(request.id, path, CANCELLED)
                self._end(request.id, FAILED, [CANCELLED])

    def _refuse(self, wrong: Malformed) -> None:
        """Answer a line that asks for nothing that can be done."""
        problem = wrong.error.problem()
        self._failed += 1
        self._say_failed(wrong.id, None, problem, line=wrong.number)
        if wrong.id is not None:
            self._end(wrong.id, wrong.error.exit_code, [problem])

    def _fail(self, name: Id, path: str, problem: Problem, code: int = FAILED) -> None:
        self._failed += 1
        self._say_failed(name, path, problem)
        self._end(name, code, [problem])

    def _give_up(self, code: int) -> None:
        """Answer the requests that a signal leaves undone."""
        problem = INTERRUPTED._replace(message="Interrupted before it was through.")
        for request in self._service.open:
            self._fail(request.id, request.source.shown, problem, code)

    def _say_failed(
        self, name: Id | None, path: str | None, problem: Problem, line: int | None = None
    ) -> None:
        where = {} if line is None else {"line": line}
        self._screen.line("failed", {"id": name, "path": path, **where, **problem.document()})
        which = "" if line is None else f"line {line}: "
        self._screen.error(f"{which}{problem.text}")

    def _end(self, name: Id | None, code: int, errors: Sequence[Problem], **counts: int) -> None:
        shown = [error.document() for error in errors]
        fields = {"id": name, "ok": code == DONE, "exit_code": code, "errors": shown, **counts}
        self._screen.line("end", fields)
