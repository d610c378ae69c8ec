"""Give files to the workers, and take what they find: what becomes of each file.

A worker that dies is replaced. The files that were at work in it are tried once more, each alone,
so that a second death has one cause: that file is put aside, and the others go on. Where files come
one by one, a worker that was at one file only has that file as its cause at once.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence

from mlenv.result import MlenvError, Problem
from mlenv.speech.transcribe import memory, requests, speakers
from mlenv.speech.transcribe.crew import DIARIZER, TRANSCRIBER, Crew, Death
from mlenv.speech.transcribe.events import Event, Failed, Finished, Heard, Note, Progress
from mlenv.speech.transcribe.pending import Unfinished
from mlenv.speech.transcribe.transcript import segment_of, turns_within
from mlenv.speech.workers import protocol
from mlenv.speech.workers.protocol import FileRequest

MOST_DEATHS = 2  # of workers over one file, and of a worker that was at no file
SIGNALLED = 128  # exit codes above it stand for signals


class Dispatch:
    """The files under way in the workers of a crew, by number.

    `speakerless`: the reason why no speakers can be found. `libraries`: what the workers have
    mapped.
    """

    def __init__(self, crew: Crew, *, only_speakers: bool = False) -> None:
        self.crew = crew
        self.files: dict[int, Unfinished] = {}
        self.speakerless: Problem | None = None
        self.libraries: tuple[str, ...] = ()
        self._only_speakers = only_speakers
        self._under_way: set[int] = set()
        self._again: deque[int] = deque()  # files that the first worker gets once more
        self._unexplained: Counter[str] = Counter()  # deaths of workers that were at no file

    def close(self) -> None:
        """Stop the workers and give up what is unfinished."""
        self.crew.stop(TRANSCRIBER, DIARIZER)
        for file in self.files.values():
            file.close()

    @property
    def under_way(self) -> int:
        """Number of files that the workers have."""
        return len(self._under_way)

    def feed(self, first: str, waiting: deque[int]) -> None:
        """Send the first worker one file more than are at work, so that it is ready.

        Not all, so that memory stays flat; and alone what a worker has died over.
        """
        while self._again or (waiting and len(self._under_way) <= self.crew.at_once):
            line = self._again or waiting
            company = self.crew.files(first)
            if company and any(self.files[each].deaths[first] for each in (line[0], *company)):
                break
            number = line.popleft()
            self._under_way.add(number)
            self.send(first, number)

    def handle(self, worker: str, event: protocol.Event | Death, first: str) -> Iterator[Event]:
        """Take what has come of a worker; `first` is the one that gets files first.

        Raises `MlenvError` where no file can go on.
        """
        if isinstance(event, Death):
            death = event._replace(files=self._still_wanted(event.files))
            if self.crew.stays and death.ready and not death.files:
                yield Note(death.error.message, warning=True)  # the next file gets a new worker
            else:
                yield from self._replace(worker, death, first)
        else:
            yield from self._take(worker, event)

    def cancel(self, number: int) -> None:
        """Forget a file that nobody waits for, as soon as the workers are through with it."""
        self.files[number].cancelled = True
        if number in self._again:
            self._again.remove(number)
        self.crew.cancel(number)
        self._forget_cancelled(number)

    def _still_wanted(self, files: Sequence[int]) -> Sequence[int]:
        """Those of a worker's files that somebody waits for; the others are forgotten."""
        for number in files:
            if number in self.files and self.files[number].cancelled:
                self._forget_cancelled(number)
        return [number for number in files if number in self.files]

    def _forget_cancelled(self, number: int) -> None:
        if not any(number in self.crew.files(name) for name in (TRANSCRIBER, DIARIZER)):
            self._forget(number)

    def send(self, worker: str, number: int) -> None:
        """Send a worker one file."""
        file = self.files[number]
        path = os.fsencode(file.source.file).decode("utf-8", "surrogateescape")
        file.before = file.before or file.source.state()
        samples = handover = None
        about = requests.about_speakers if worker == DIARIZER else requests.about_words
        if worker == DIARIZER:
            samples = file.samples_path()
        elif DIARIZER in self.crew and file.options.diarize and not file.handed_over:
            handover = file.new_samples()
        settings = about(file.options) if self.crew.stays else {}
        self.crew.send(worker, FileRequest(number, path, samples, handover, settings))

    def _replace(self, worker: str, death: Death, first: str) -> Iterator[Event]:
        """Start a new worker for one that died, and send it again what that one had.

        Raises the death where no file is the cause: the worker would die again.
        """
        if death.trying == "cuda":
            yield from self.crew.replace(worker, death)
            self._again.extend(death.files)
            return
        files = death.files
        at_work = self.crew.at_once if worker == TRANSCRIBER else 1
        suspects = files[:at_work] if death.ready else []
        if not suspects:
            self._unexplained[worker] += 1
            is_fault = not death.ready and death.error.exit_code <= SIGNALLED
            if is_fault or self._unexplained[worker] == MOST_DEATHS:
                yield from self._do_without(worker, death.error)
                return
            yield Note(f"{death.error.message} It is started once more.", warning=True)
        yield from self.crew.replace(worker, death)
        left = []
        for number in files:
            file = self.files[number]
            file.deaths[worker] += number in suspects
            if worker == TRANSCRIBER:
                file.restart()
            if ended := self._ended(worker, number, suspects):
                died = death.error.problem()
                message = f"{ended} and is put aside. {died.message}"
                event = protocol.FileFailed(number, died.code, message)
                yield from self._fail(worker, event, died.hint)
                continue
            if number in suspects:
                left.append(file.source.label)
            if worker == first:
                self._again.append(number)
            else:
                self.send(worker, number)
        if left:
            again = "is tried once more" if len(left) == 1 else "are tried again, one by one"
            text = f"{death.error.message} At work: {', '.join(left)}; {again}."
            yield Note(text, warning=True)

    def _ended(self, worker: str, number: int, suspects: Sequence[int]) -> str | None:
        """The reason to give up a file that ended workers; None where it is tried again."""
        if self.files[number].deaths[worker] == MOST_DEATHS:
            return "ended two workers"
        return "ended a worker" if self.crew.stays and list(suspects) == [number] else None

    def _do_without(self, worker: str, error: MlenvError) -> Iterator[Event]:
        """Go on without speakers where the diarizer can't work; raises `error` for any other."""
        self.crew.stop(worker)
        if worker == TRANSCRIBER or self._only_speakers:
            self.crew.stop(TRANSCRIBER, DIARIZER)  # their memory counts as free
            raise error
        self.speakerless = error.problem()
        for number, file in list(self.files.items()):
            if file.options.diarize and file.turns is None and not file.problem:
                file.problem = self._without_speakers(file)
                if file.transcribed:
                    yield from self.finish(number)

    def _without_speakers(self, file: Unfinished) -> Problem | None:
        if not self.speakerless:
            return None
        text = f"{file.source.label} is written without speakers. {self.speakerless.message}"
        return self.speakerless._replace(message=text)

    def _take(self, worker: str, event: protocol.Event) -> Iterator[Event]:
        match event:
            case protocol.Trying():
                pass
            case protocol.Ready():
                yield from self.crew.ready(worker, event)
            case protocol.Refused():
                self.crew.stop(worker)  # its memory counts as free
                yield from self._do_without(worker, self.crew.refusal(event))
            case _ if event.id in self.files and self.files[event.id].cancelled:
                self._forget_cancelled(event.id)
            case _ if event.id in self.files:  # else it has failed in the other worker
                self._unexplained.pop(worker, None)
                yield from self._of_file(worker, event, self.files[event.id])

    def _of_file(self, worker: str, event: protocol.FileEvent, file: Unfinished) -> Iterator[Event]:
        match event:
            case protocol.Decoded():
                yield from self._decoded(event, file)
                wanted = file.options.diarize and not file.handed_over
                if worker == TRANSCRIBER and DIARIZER in self.crew and wanted:
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
                self._transcribed(event, file)
                yield from self.finish(event.id)
            case protocol.Diarized():
                self._diarized(event, file)
                yield from file.warn(event.warnings)
                yield from self.finish(event.id)
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
        self.send(DIARIZER, event.id)

    def _transcribed(self, event: protocol.Transcribed, file: Unfinished) -> None:
        file.language = event.language
        file.silent = event.silent
        file.language_probability = event.language_probability
        file.unheard = [(start, end) for start, end in event.unheard]
        self.libraries = tuple(event.libraries)
        file.segments.sort(key=lambda segment: segment["start"])
        if file.options.channels_speak:
            names = file.options.speaker_names
            file.segments, file.turns = speakers.by_channel(file.segments, names)
        file.timings |= event.seconds
        file.transcribed = True

    def _diarized(self, event: protocol.Diarized, file: Unfinished) -> None:
        turns = turns_within(event.turns, file.duration)
        names = speakers.names_of(turns, file.options.speaker_names)
        self.libraries = (*self.libraries, *event.libraries)
        file.turns = speakers.renamed(turns, names)
        file.exclusive = speakers.renamed(turns_within(event.exclusive, file.duration), names)
        file.unmet = speakers.unmet(len(names), file.options)
        file.timings |= event.seconds

    def finish(self, number: int) -> Iterator[Event]:
        """End a file where its words and its speakers are there, or can't be found."""
        file = self.files[number]
        words = file.transcribed or self._only_speakers
        problem = file.problem
        if file.options.diarize and file.turns is None and not problem:
            problem = self._without_speakers(file)
        turns = file.turns is not None or problem is not None or not file.options.diarize
        if (words or TRANSCRIBER not in self.crew) and (turns or DIARIZER not in self.crew):
            self._under_way.discard(number)
        if words and turns:
            yield from file.warn(file.last_warnings())
            problem = problem or file.shortfall()
            self._forget(number)
            yield Finished(file.source, file.transcript(self.crew.startup), problem, file.before)

    def _fail(self, worker: str, event: protocol.FileFailed, hint: str = "") -> Iterator[Event]:
        """End a file that a worker could not do; words that are found are kept."""
        number, file = event.id, self.files[event.id]
        code, message, shown = event.code, event.message, file.source.label
        if code in requests.OUT_OF_MEMORY:
            if worker == TRANSCRIBER and self.crew.at_once > 1 and not file.deaths[worker]:
                file.deaths[worker] += 1  # alone it may have room
                file.restart()
                self._again.append(number)
                return
            hint = memory.advice(file.options, requests.OUT_OF_MEMORY[code], file=True)
        if worker == DIARIZER and not self._only_speakers:
            what = "it" if code.startswith("audio-") else "diarization"
            text = f"{shown} is written without speakers: {what} {message}"
            file.problem = Problem(code, text, hint=hint)
            yield from self.finish(number)
        else:
            self._forget(number)
            yield Failed(file.source, Problem(code, f"{shown} {message}", hint=hint))

    def _forget(self, number: int) -> None:
        self._under_way.discard(number)
        self.files.pop(number).close()
