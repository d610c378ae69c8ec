"""One run of `mlenv exec transcribe`: resolve inputs, consume the job's events, write transcripts.

Imported late: the job's workers start before it.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlenv.cli.commands import passed_over
from mlenv.cli.commands.chosen_models import ChosenModels
from mlenv.cli.interruption import Interrupted, deferred
from mlenv.cli.render.transcribe import Screen
from mlenv.machine import driver
from mlenv.result import DONE, FAILED, MlenvError, Problem, Result
from mlenv.speech.transcribe import events, inputs, live, names, parts, speakers
from mlenv.speech.transcribe.diarization import Pipeline
from mlenv.speech.transcribe.folder import Folder, LocalFolder
from mlenv.speech.transcribe.formats import text_line
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.option_table import STREAMED
from mlenv.speech.transcribe.ordering import in_order
from mlenv.speech.transcribe.origins import NO_TRANSCRIPT, Origins
from mlenv.speech.transcribe.outputs import Outputs, plan
from mlenv.speech.transcribe.transcript import Transcript
from mlenv.speech.transcribe.writer import Writer


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The document of `exec transcribe`.

    `passed_over`: files in folders that have the name or the contents of a recording and not the
    other, and the folders in them that were not looked into. `skipped`: inputs whose transcripts
    were there (`--resume`). `notes`: what is to be known of the run as a whole: its device, how
    speakers are named, what was not as asked for.
    """

    files: Sequence[Transcript]
    passed_over: Sequence[str]
    skipped: Sequence[str]
    notes: Sequence[str] = ()


class Work(Protocol):
    """The workers of a run: those of this machine, or of a cluster."""

    def survey(self, words: Sequence[str], *, recursive: bool) -> inputs.Survey:
        """The recordings that the words lead to, see `inputs.survey`; raises `MlenvError`."""

    def folder(self, word: str) -> Folder:
        """The place that `--output-dir` names; raises `MlenvError`."""

    def run(
        self,
        sources: Sequence[Source],
        model: Callable[[], Path],
        pipeline: Callable[[], Pipeline],
    ) -> Iterator[events.Event]:
        """Transcribe `sources`; raises `MlenvError` where none of them can go on."""


class Run:
    """One run of the command: what is finished, failed and skipped so far."""

    def __init__(self, venv: Path, options: argparse.Namespace, job: Work) -> None:
        self._options, self._job = options, job
        self._screen = Screen(quiet=options.quiet or options.json, progress=options.progress)
        self._models = ChosenModels(venv, self._note)
        self._transcripts: list[Transcript] = []
        self._problems: list[Problem] = []
        self._skipped: list[str] = []
        self._notes: list[str] = []
        self._total = self._damaged = 0
        self._headed: Source | None = None
        # text comes when a file is through: speakers are not known before, nor the channels' order
        self._waits = options.diarize or options.channels == "each"
        self._captions = live.captions(options)

    def run(self) -> Result[Transcribed]:
        """Transcribe all inputs; raises `MlenvError` where none of them can go on."""
        sources = self._inputs()
        self._total = len(sources) + len(self._problems)
        left = [source for source in sources if self._is_left(source)]
        if self._skipped:
            count = f"{len(self._skipped)} of {self._total}"
            self._screen.note(f"skipped {count}: their transcripts are there, made like this")
        code = DONE
        try:
            self._transcribe(left)
        except Interrupted as interrupted:
            code = interrupted.exit_code
            self._fail(self._interruption())
        self._screen.end()
        if self._problems and self._total > 1 and code == DONE:
            self._screen.note(self._summary())
        if trouble := driver.unanswered():
            self._screen.error(trouble)
        record = Transcribed(self._transcripts, self._passed_over, self._skipped, self._notes)
        code = code or (FAILED if self._problems else DONE)
        return Result("exec transcribe", record, code, tuple(self._problems))

    def _summary(self) -> str:
        """Count the files that are done and that have lost something; say what is next."""
        done = len(self._transcripts) + len(self._skipped) - self._damaged
        verb = "is" if self._damaged == 1 else "are"
        lossy = f", {self._damaged} {verb} written with losses" if self._damaged else ""
        again = "; --resume goes on with the rest" if self._options.output_dir else ""
        return f"{done} of {self._total} files are done{lossy}: see the errors above{again}"

    def _transcribe(self, sources: Sequence[Source]) -> None:
        if sources:
            happening = self._job.run(
                sources,
                lambda: self._models.words(self._options),
                lambda: self._models.speakers(self._options),
            )
            if not self._options.output_dir:
                happening = in_order(happening, sources)
            for event in happening:
                self._show(event)

    def _interruption(self) -> Problem:
        done = len(self._transcripts) + len(self._skipped)
        hint = "Type the same again with --resume: it goes on with the rest."
        return Problem(
            "interrupted",
            f"Interrupted: {done} of {self._total} files are done.",
            hint=hint if self._options.output_dir else "",
        )

    def _inputs(self) -> list[Source]:
        options = self._options
        more = names.listed(options.files_from) if options.files_from else ()
        survey = self._job.survey([*options.audio, *more], recursive=options.recursive)
        self._passed_over = [*survey.doubtful, *survey.below]
        if options.diarize and options.speaker_names:
            speakers.check_number_of_files(len(survey.sources) + len(survey.problems))
        for problem in survey.problems:
            if parts.holds(options.part, problem):
                self._fail(problem)
        for text, unsure in passed_over.notes(survey):
            self._screen.note(text, warning=unsure)
        sources = [each for source in survey.sources if (each := self._spooled(source))]
        folder: Folder = LocalFolder()
        if options.output_dir:
            folder = self._job.folder(options.output_dir)
        self._folder = folder
        self._origins = Origins(options, folder)
        self._outputs: dict[Source, Outputs] = {}
        if options.output_dir:
            folder.check()
            self._outputs = plan(sources, folder, options.formats, self._origins)
            sources = list(self._outputs)
        self._writer = Writer(options, self._outputs, self._origins, folder)
        return self._of_part(sources)

    def _of_part(self, sources: list[Source]) -> list[Source]:
        """Those of the part that is asked for; their outputs are named as with all of them."""
        if not (part := self._options.part):
            return sources
        own = [source for source in sources if parts.holds(part, source)]
        self._note(f"part {part.number} of {part.of}: {len(own)} of {len(sources)} recordings")
        return own

    def _spooled(self, source: Source) -> Source | None:
        """The source as a file; None, and a problem, for a stream that can't be read."""
        if not source.is_stream:
            return source
        if source.shown != inputs.STANDARD_INPUT:
            self._screen.note(f"reading {source.label} to its end")
        try:
            return inputs.spooled(source, sys.stdin.buffer if sys.stdin else None, self._note)
        except MlenvError as error:
            self._fail(error.problem(), source)
            return None

    def _is_left(self, source: Source) -> bool:
        if self._options.resume:
            outputs = self._outputs[source]
            reason = self._origins.reason(source, outputs.stem, outputs.by_format)
            if reason is None:
                self._skipped.append(source.shown)
                return False
            if reason != NO_TRANSCRIPT:
                self._note(f"{source.label} is done again: {reason}")
        return True

    def _show(self, event: events.Event) -> None:
        match event:
            case events.Note():
                self._note(event.text, warning=event.warning)
            case events.Progress():
                self._progress(event.source, event.at, event.duration)
            case events.Heard():
                self._segment(event)
            case events.Failed():
                hint = names.list_hint(event.source.file)
                problem = event.problem
                self._fail(problem._replace(hint=hint or problem.hint), event.source)
            case events.Warned():
                if not self._options.json:
                    self._screen.warn(event.text)
            case events.Finished():
                if event.sha256:
                    self._origins.take(event.source, event.sha256)
                elif self._options.output_dir:
                    self._origins.read(event.source)
                with deferred() if self._options.output_dir else contextlib.nullcontext():
                    self._finish(event)

    def _note(self, text: str, *, warning: bool = False) -> None:
        self._notes.append(text)
        self._screen.note(text, warning=warning)

    def _segment(self, event: events.Heard) -> None:
        options = self._options
        if not options.output_dir and not options.json:
            if STREAMED in options.formats:
                self._screen.line("segment", {**event.source.named(), **event.segment})
            elif options.formats == ("txt",) and not self._waits:
                self._head(event.source)
                self._screen.write(text_line(event.segment) + "\n")
            elif self._captions and (text := self._captions.add(event)):
                self._screen.write(text)
        self._progress(event.source, min(event.segment["end"], event.duration), event.duration)

    def _progress(self, source: Source, at: float, duration: float) -> None:
        over = len(self._transcripts) + len(self._problems) + len(self._skipped)
        self._screen.progress(source.label, at, duration, (over, self._total))

    def _head(self, source: Source) -> None:
        """Print the name of the file above its text, where there are several."""
        if self._total > 1 and source != self._headed:
            self._screen.write(f"==> {source.label} <==\n")
            self._headed = source

    def _fail(self, problem: Problem, source: Source | None = None) -> None:
        if source:
            problem = problem._replace(path=source.shown, uri=source.uri)
        self._problems.append(problem)
        if STREAMED in self._options.formats:
            self._screen.line("failed", {"path": None, **problem.document()})
        if not self._options.json:
            self._screen.error(problem.text)

    def _finish(self, event: events.Finished) -> None:
        """Write one transcript; that it can't be written ends no other file."""
        source = event.source
        try:
            self._deliver(event)
        except MlenvError as error:
            if not self._options.output_dir:  # standard output is there for all files
                raise
            problem = error.problem()
            message = f"{source.label}: {problem.message}"
            self._fail(problem._replace(message=message), source)
            return
        except Exception as error:  # a transcript that some format can't hold
            message = f"{source.label} can't be written: {type(error).__name__}: {error}"
            self._fail(Problem("not-written", message), source)
            return
        if event.problem:
            self._damaged += 1
            self._fail(event.problem, source)

    def _write(self, event: events.Finished) -> None:
        shown, written = event.source.label, self._writer.write(event)
        for path in written.kept:
            now = inputs.printable(self._folder.shown(path))
            text = f"{Path(now).stem} was there and is not as mlenv wrote it: it is {now} now"
            self._note(text, warning=True)
        paths = ", ".join(map(self._folder.shown, written.paths))
        self._screen.note(f"{shown}: {inputs.printable(paths)}")
        if not written.unchanged:
            message = f"{shown} has changed while it was transcribed."
            self._fail(Problem("audio-changed", message), event.source)

    def _deliver(self, event: events.Finished) -> None:
        options, source, transcript = self._options, event.source, event.transcript
        if options.output_dir:
            self._write(event)
        elif STREAMED in options.formats:
            fields = {"replaces_segments": self._waits, **transcript}
            self._screen.line("file", fields)
        elif self._captions:
            self._screen.write(self._captions.end(source))
        elif not options.json and (options.formats != ("txt",) or self._waits):
            if options.formats == ("txt",):
                self._head(source)
            self._screen.write(self._writer.text(transcript, options.formats[0]))
        if options.json or not options.output_dir:
            self._transcripts.append(transcript)
        else:  # thousands of files: keep what is counted, not the words
            self._transcripts.append({**transcript, "text": "", "segments": [], "turns": []})
