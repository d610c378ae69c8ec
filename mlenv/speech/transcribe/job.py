"""Run files through the workers and yield what happens as events.

The transcriber starts to import while the model is still being looked for. With speakers
wanted a second worker imports pyannote meanwhile; it gets each file's samples as the first one
decoded them, in memory, and finds the speakers while the words of the same file are found. Where
the machine has no room for both, they take turns, some files at a time.

Many short files go through together, a core for each; then come the long ones, all cores for one.

A worker that dies is replaced. The files that were at work in it are tried once more, each alone,
so that a second death has one cause: that file is put aside, and the others go on.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlenv.result import MlenvError, Problem
from mlenv.speech.transcribe import memory, requests, scratch, speakers
from mlenv.speech.transcribe.crew import DIARIZER, TRANSCRIBER, Crew, Death
from mlenv.speech.transcribe.events import Event, Failed, Finished, Heard, Note, Progress
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.pending import Unfinished
from mlenv.speech.transcribe.transcript import segment_of, turns_within
from mlenv.speech.workers import protocol
from mlenv.speech.workers.protocol import FileRequest

if TYPE_CHECKING:
    from mlenv.speech.transcribe.diarization import Pipeline

LONG = 4 << 20  # bytes; a minute of WAV, several of anything else
Files = Sequence[tuple[int, Source]]  # numbered in the order in which they were named
A_TURN = 16  # files that wait for their speakers where the workers take turns
MOST_DEATHS = 2  # of workers over one file, and of a worker that was at no file
SIGNALLED = 128  # exit codes above it stand for signals


class Job:
    """One call of `transcribe`: its workers, and the files under way in them."""

    def __init__(self, venv: Path, options: argparse.Namespace) -> None:
        self._options = options
        self.crew = Crew(venv, options)
        self._files: dict[int, Unfinished] = {}
        self._under_way: set[int] = set()
        self._again: deque[int] = deque()  # files that the first worker gets once more
        self._unexplained: Counter[str] = Counter()  # deaths of workers that were at no file
        self._speakerless: Problem | None = None  # the reason why no speakers can be found
        self.libraries: tuple[str, ...] = ()
        scratch.clear_leftovers()
        together = options.diarize and (options.only_speakers or memory.for_both(options))
        if not options.only_speakers:
            self.crew.start(TRANSCRIBER)
        if together:
            self.crew.start(DIARIZER)

    def close(self) -> None:
        """Stop the workers and give up what is unfinished."""
        self.crew.stop(TRANSCRIBER, DIARIZER)
        for file in self._files.values():
            file.close()

    def run(
        self,
        sources: Sequence[Source],
        model: Callable[[], Path],
        pipeline: Callable[[], Pipeline],
    ) -> Iterator[Event]:
        """Transcribe `sources`; raises `MlenvError` where none of them can go on."""
        self.crew.equip(model, pipeline)
        files = list(enumerate(sources))
        if self._options.diarize and len(files) > 1:
            yield Note(speakers.EACH_FILE)
        if not self._options.diarize:
            kinds: dict[bool, list[tuple[int, Source]]] = {True: [], False: []}
            for number, source in files:
                kinds[_size(source) <= LONG].append((number, source))
            yield from self._words(kinds[True], at_once=len(kinds[True]))
            yield from self._words(kinds[False], at_once=1)
        elif DIARIZER in self.crew:
            yield from self._both(files)
        else:
            yield Note("no room for words and speakers at once, so they take turns")
            self.crew.pipeline()  # where there is none, that is known before any work
            for first in range(0, len(files), A_TURN):
                yield from self._words(files[first : first + A_TURN], at_once=1)
                yield from self._speakers(files[first : first + A_TURN])

    def _words(self, files: Files, *, at_once: int) -> Iterator[Event]:
        if files:
            if TRANSCRIBER not in self.crew:
                self.crew.start(TRANSCRIBER)
            self.crew.most_at_once = min(at_once, memory.files_at_once(self._options))
            yield from self.crew.configure(TRANSCRIBER)
            yield from self._through(TRANSCRIBER, files)
            self.crew.stop(TRANSCRIBER)

    def _speakers(self, files: Files) -> Iterator[Event]:
        left = [(number, source) for number, source in files if number in self._files]
        if left and not self._speakerless:
            self.crew.start(DIARIZER)
            yield from self.crew.configure(DIARIZER)
            yield from self._through(DIARIZER, left)
            self.crew.stop(DIARIZER)
        for number, _ in left:
            if number in self._files:
                yield from self._finish(number)

    def _both(self, files: Files) -> Iterator[Event]:
        if TRANSCRIBER in self.crew:
            yield from self.crew.configure(TRANSCRIBER)
        yield from self.crew.configure(DIARIZER)
        yield from self._through(TRANSCRIBER if TRANSCRIBER in self.crew else DIARIZER, files)

    def _through(self, first: str, files: Files) -> Iterator[Event]:
        """Give files to the first worker until all workers are through with all of them."""
        for number, source in files:
            self._files.setdefault(number, Unfinished(source))
        waiting = deque(number for number, _ in files)
        while first in self.crew and (waiting or self._under_way):
            self._feed(first, waiting)
            worker, event = self.crew.receive()
            if isinstance(event, Death):
                yield from self._replace(worker, event, first)
            else:
                yield from self._take(worker, event)

    def _feed(self, first: str, waiting: deque[int]) -> None:
        """Send the first worker one file more than are at work, so that it is ready.

        Not all, so that memory stays flat; and alone what a worker has died over.
        """
        while self._again or (waiting and len(self._under_way) <= self.crew.at_once):
            line = self._again or waiting
            company = self.crew.files(first)
            if company and any(self._files[each].deaths[first] for each in (line[0], *company)):
                break
            number = line.popleft()
            self._under_way.add(number)
            self._send(first, number)

    def _send(self, worker: str, number: int) -> None:
        file = self._files[number]
        path = os.fsencode(file.source.file).decode("utf-8", "surrogateescape")
        file.before = file.before or file.source.state()
        if worker == DIARIZER:
            request = FileRequest(number, path, samples=file.samples_path())
        elif DIARIZER in self.crew and not file.handed_over:
            request = FileRequest(number, path, handover=file.new_samples())
        else:
            request = FileRequest(number, path)
        self.crew.send(worker, request)

    def _replace(self, worker: str, death: Death, first: str) -> Iterator[Event]:
        """Start a new worker for one that died, and send it again what that one had.

        Raises the death where no file is the cause: the worker would die again.
        """
        if death.trying == "cuda":
            yield from self.crew.replace(worker, death)
            self._again.extend(death.files)
            return
        files = [number for number in death.files if number in self._files]
        at_work = self.crew.at_once if worker == TRANSCRIBER else 1
        suspects = files[:at_work] if death.ready else []
        if not suspects:
            self._unexplained[worker] += 1
            is_fault = not death.ready and death.error.exit_code <= SIGNALLED
            if is_fault or self._unexplained[worker] == MOST_DEATHS:
                yield from self._do_without(worker, death.error)
                return
            yield Note(f"{death.error.message} It is started once more.", warning=True)
        left = []
        yield from self.crew.replace(worker, death)
        for number in files:
            file = self._files[number]
            file.deaths[worker] += number in suspects
            if worker == TRANSCRIBER:
                file.restart()
            if file.deaths[worker] == MOST_DEATHS:
                message = f"ended two workers and is put aside. {death.error.problem().message}"
                event = protocol.FileFailed(number, death.error.code, message)
                yield from self._fail(worker, event)
                continue
            if number in suspects:
                left.append(file.source.label)
            if worker == first:
                self._again.append(number)
            else:
                self._send(worker, number)
        if left:
            again = "is tried once more" if len(left) == 1 else "are tried again, one by one"
            text = f"{death.error.message} At work: {', '.join(left)}; {again}."
            yield Note(text, warning=True)

    def _do_without(self, worker: str, error: MlenvError) -> Iterator[Event]:
        """Go on without speakers where the diarizer can't work; raises `error` for any other."""
        self.crew.stop(worker)
        if worker == TRANSCRIBER or self._options.only_speakers:
            self.crew.stop(TRANSCRIBER, DIARIZER)  # their memory counts as free
            raise error
        self._speakerless = error.problem()
        for number in [each for each, file in self._files.items() if file.transcribed]:
            yield from self._finish(number)

    def _take(self, worker: str, event: protocol.Event) -> Iterator[Event]:
        match event:
            case protocol.Trying():
                pass
            case protocol.Ready():
                yield from self.crew.ready(worker, event)
            case protocol.Refused():
                self.crew.stop(worker)  # its memory counts as free
                yield from self._do_without(worker, requests.refusal(event, self._options))
            case _ if event.id in self._files:  # else it has failed in the other worker
                self._unexplained.pop(worker, None)
                yield from self._of_file(worker, event, self._files[event.id])

    def _of_file(self, worker: str, event: protocol.FileEvent, file: Unfinished) -> Iterator[Event]:
        match event:
            case protocol.Decoded():
                yield from self._decoded(event, file)
                if worker == TRANSCRIBER and DIARIZER in self.crew and not file.handed_over:
                    self._hand_over(event, file)
            case protocol.SegmentFound():
                segment = segment_of(event.segment, file.duration, event.channel)
                file.segments.append(segment)
                if segment["end"] > file.heard or not file.deaths:
                    file.heard = segment["end"]
                    yield Heard(file.source, segment, file.duration)
            case protocol.Diarizing():
                # while words are still being found, they tell the progress
                if file.transcribed or TRANSCRIBER not in self.crew:
                    yield Progress(file.source, event.share * file.duration, file.duration)
            case protocol.Transcribed():
                file.language = event.language
                file.silent = event.silent
                file.language_probability = event.language_probability
                file.unheard = [(start, end) for start, end in event.unheard]
                self.libraries = tuple(event.libraries)
                file.segments.sort(key=lambda segment: segment["start"])
                if self._options.channels_speak:
                    names = self._options.speaker_names
                    file.segments, file.turns = speakers.by_channel(file.segments, names)
                file.timings |= event.seconds
                file.transcribed = True
                yield from self._finish(event.id)
            case protocol.Diarized():
                self._diarized(event, file)
                yield from file.warn(event.warnings)
                yield from self._finish(event.id)
            case protocol.FileFailed():
                yield from self._fail(worker, event)

    def _decoded(self, event: protocol.Decoded, file: Unfinished) -> Iterator[Event]:
        if not file.duration:  # where the workers take turns, both decode it
            file.duration, file.unread = event.duration, event.unread
            yield from file.warn(event.warnings)

    def _hand_over(self, event: protocol.Decoded, file: Unfinished) -> None:
        """Send a decoded file to the diarizer, which decodes anew where memory had no room."""
        file.handed_over = True
        if event.path is None:
            file.close()
        self._send(DIARIZER, event.id)

    def _diarized(self, event: protocol.Diarized, file: Unfinished) -> None:
        turns = turns_within(event.turns, file.duration)
        names = speakers.names_of(turns, self._options.speaker_names)
        self.libraries = (*self.libraries, *event.libraries)
        file.turns = speakers.renamed(turns, names)
        file.exclusive = speakers.renamed(turns_within(event.exclusive, file.duration), names)
        file.unmet = speakers.unmet(len(names), self._options)
        file.timings |= event.seconds

    def _finish(self, number: int) -> Iterator[Event]:
        file = self._files[number]
        words = file.transcribed or self._options.only_speakers
        problem = file.problem
        if self._options.diarize and file.turns is None and not problem and self._speakerless:
            code, message = self._speakerless
            shown = file.source.label
            problem = Problem(code, f"{shown} is written without speakers. {message}")
        turns = file.turns is not None or problem is not None or not self._options.diarize
        if (words or TRANSCRIBER not in self.crew) and (turns or DIARIZER not in self.crew):
            self._under_way.discard(number)
        if words and turns:
            yield from file.warn(file.last_warnings())
            problem = problem or file.shortfall()
            self._forget(number)
            yield Finished(file.source, file.transcript(self.crew.startup), problem, file.before)

    def _fail(self, worker: str, event: protocol.FileFailed) -> Iterator[Event]:
        """End a file that a worker could not do; words that are found are kept."""
        number, file = event.id, self._files[event.id]
        code, message, shown = event.code, event.message, file.source.label
        if code in requests.OUT_OF_MEMORY:
            if worker == TRANSCRIBER and self.crew.at_once > 1 and not file.deaths[worker]:
                file.deaths[worker] += 1  # alone it may have room
                file.restart()
                self._again.append(number)
                return
            message += f"\n{memory.advice(self._options, requests.OUT_OF_MEMORY[code], file=True)}"
        if worker == DIARIZER and not self._options.only_speakers:
            what = "it" if code.startswith("audio-") else "diarization"
            text = f"{shown} is written without speakers: {what} {message}"
            file.problem = Problem(code, text)
            yield from self._finish(number)
        else:
            self._forget(number)
            yield Failed(file.source, Problem(code, f"{shown} {message}"))

    def _forget(self, number: int) -> None:
        self._under_way.discard(number)
        self._files.pop(number).close()


def _size(source: Source) -> int:
    state = source.state()
    return state.size if state else 0
