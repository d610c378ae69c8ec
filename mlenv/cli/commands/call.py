"""One command line on its way: what comes in, what goes to the terminal and into files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from mlenv.cli.render.transcribe import Screen
from mlenv.files import write_atomically
from mlenv.progress import Progress as Steps
from mlenv.result import DONE, FAILED, MlenvError, Problem, Result
from mlenv.speech import models
from mlenv.speech.transcribe import diarization, events, formats, inputs, job
from mlenv.speech.transcribe.diarization import Pipeline
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.options import STREAMED
from mlenv.speech.transcribe.ordering import in_order
from mlenv.speech.transcribe.transcript import Transcript


class Call:
    """One command line on its way: what came out, what failed."""

    def __init__(self, venv: Path, options: argparse.Namespace, work: job.Job) -> None:
        self._venv, self._options, self._work = venv, options, work
        self._screen = Screen(quiet=options.quiet or options.json, progress=options.progress)
        self._layout = formats.Layout(
            options.max_line_width,
            options.max_line_count,
            options.max_words_per_line,
            options.highlight_words,
            options.pretty_json,
        )
        self._files: dict[Path, dict[str, Path]] = {}
        self._transcripts: list[Transcript] = []
        self._problems: list[Problem] = []
        self._skipped: list[str] = []
        self._total = 0
        self._headed: Source | None = None

    def run(self) -> Result[Any]:
        sources = self._sources()
        self._total = len(sources)
        left = [source for source in sources if self._is_left(source)]
        if self._skipped:
            self._screen.note(f"{len(self._skipped)} of {self._total} files are done already")
        if left:
            happening = self._work.run(left, self._model, self._pipeline)
            if not self._options.output_dir:
                happening = in_order(happening, left)
            for event in happening:
                self._take(event)
        self._screen.end()
        data: dict[str, Any] = {"files": self._transcripts}
        if self._options.resume:
            data["skipped"] = self._skipped
        code = FAILED if self._problems else DONE
        return Result("exec transcribe", data, code, tuple(self._problems), view={"said": True})

    def _sources(self) -> list[Source]:
        options = self._options
        named = [word for word in options.audio if word != inputs.STANDARD_INPUT]
        sources = inputs.expand(named, recursive=options.recursive) if named else []
        if inputs.STANDARD_INPUT in options.audio:
            sources.append(inputs.spooled(sys.stdin.buffer, self._work.directory))
        if options.output_dir:
            directory = Path(options.output_dir).expanduser().absolute()
            inputs.writable(directory)
            self._files = inputs.outputs(sources, directory, options.formats)
        return sources

    def _is_left(self, source: Source) -> bool:
        if self._options.resume and inputs.is_done(source, self._files[source.file]):
            self._skipped.append(source.shown)
            return False
        if not source.file.is_file():
            what = "is a directory" if source.file.is_dir() else "does not exist"
            self._failed(Problem("audio-missing", f"{source.shown} {what}."))
            return False
        return True

    def _model(self) -> Path:
        """The Whisper model's directory: one of the manifest, a folder or a hub id."""
        name = self._options.model = self._options.model or models.default()
        if name not in models.manifest():
            if (folder := Path(name).expanduser()).is_dir():
                if not (folder / "model.bin").is_file():
                    raise MlenvError(
                        "model-unknown",
                        f"{folder} holds no CTranslate2 model: it has no model.bin.",
                        "Convert it with ct2-transformers-converter, or name another.",
                    )
                return folder.absolute()
            if models.hub_name(name):
                from mlenv.speech.models import hub

                found = hub.model(
                    name, self._venv, offline=self._options.offline, progress=self._fetching()
                )
                return self._told(found)
        model = models.named(name)
        if model.kind != "whisper":
            raise MlenvError(
                "model-unknown", f"{name} is no model for transcribing ({model.title})."
            )
        return self._found(model)

    def _found(self, model: models.Model) -> Path:
        try:
            found = models.find(model)
        except MlenvError:
            from mlenv.speech.models import fetch

            found = fetch.ensure(
                model, self._venv, offline=self._options.offline, progress=self._fetching()
            )
        return self._told(found)

    def _told(self, found: models.Found) -> Path:
        """The directory, having said which others were refused."""
        for each in found.refused:
            if not each.is_missing:
                self._screen.note(f"{each}: passed over", warning=True)
        return found.path

    def _fetching(self) -> Steps:
        from mlenv.cli.render.progress import for_people

        return for_people(as_json=self._options.json or self._options.quiet)

    def _pipeline(self) -> Pipeline:
        return diarization.choose(self._options, self._venv, self._found)

    def _take(self, event: events.Event) -> None:
        match event:
            case events.Note():
                self._screen.note(event.text, warning=event.warning)
            case events.Progress():
                self._progress(event.source, event.at, event.duration)
            case events.Heard():
                self._heard(event)
            case events.Failed():
                self._failed(event.problem)
            case events.Finished():
                self._finished(event.source, event.transcript)

    def _heard(self, event: events.Heard) -> None:
        options = self._options
        if not options.output_dir and not options.json:
            if STREAMED in options.formats:
                self._screen.line("segment", {"path": event.source.shown, **event.segment})
            elif options.formats == ("txt",) and not options.diarize:
                self._head(event.source)
                self._screen.write(formats.text_line(event.segment) + "\n")
        self._progress(event.source, min(event.segment["end"], event.duration), event.duration)

    def _progress(self, source: Source, at: float, duration: float) -> None:
        over = len(self._transcripts) + len(self._problems) + len(self._skipped)
        self._screen.progress(source.shown, at, duration, (over, self._total))

    def _head(self, source: Source) -> None:
        """Above the text of each of several files, its name."""
        if self._total > 1 and source != self._headed:
            self._screen.write(f"==> {source.shown} <==\n")
            self._headed = source

    def _failed(self, problem: Problem) -> None:
        self._problems.append(problem)
        if not self._options.json:
            self._screen.error(problem.message)

    def _finished(self, source: Source, transcript: Transcript) -> None:
        options = self._options
        if options.output_dir:
            for kind, path in self._files[source.file].items():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, formats.FORMATS[kind](transcript, self._layout))
            written = ", ".join(map(str, self._files[source.file].values()))
            self._screen.note(f"{source.shown}: {written}")
        elif STREAMED in options.formats:
            self._screen.line("file", dict(transcript))
        elif not options.json and (options.formats != ("txt",) or options.diarize):
            text = formats.FORMATS[options.formats[0]](transcript, self._layout)
            if options.formats == ("txt",):
                self._head(source)
            self._screen.write(text)
        if options.json or not options.output_dir:
            self._transcripts.append(transcript)
        else:  # thousands of files: keep what is counted, not what was said
            self._transcripts.append({**transcript, "segments": [], "turns": []})
