"""Run files through the workers and yield what happens as events.

The transcriber starts to import while the model is still being looked for. With speakers
wanted a second worker imports pyannote meanwhile; it gets each file's samples as the first one
decoded them, in memory, and finds the speakers while the words of the same file are found. Where
the machine has no room for both, they take turns, some files at a time.

Many short files go through together, a core for each; then come the long ones, all cores for one.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from math import isinf
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from mlenv.result import MlenvError, Problem
from mlenv.speech.transcribe import memory, requests, speakers
from mlenv.speech.transcribe.events import Event, Failed, Finished, Heard, Note, Progress
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.pending import Unfinished
from mlenv.speech.transcribe.transcript import Segment, Word
from mlenv.speech.transcribe.worker_process import Inbox, Worker
from mlenv.speech.workers import protocol
from mlenv.speech.workers.protocol import FileRequest

if TYPE_CHECKING:
    from mlenv.speech.transcribe.diarization import Pipeline

LONG = 4 << 20  # bytes; a minute of WAV, several of anything else
FileEvent = (
    protocol.Decoded
    | protocol.SegmentFound
    | protocol.Transcribed
    | protocol.Diarizing
    | protocol.Diarized
    | protocol.FileFailed
)
Files = Sequence[tuple[int, Source]]  # numbered in the order in which they were named
A_TURN = 16  # files that wait for their speakers where the workers take turns


class Job:
    """One call of `transcribe`: its workers, and the files under way in them."""

    def __init__(self, venv: Path, options: argparse.Namespace) -> None:
        self._options = options
        self._inbox: Inbox = SimpleQueue()
        self._files: dict[int, Unfinished] = {}
        self._under_way: set[int] = set()
        self._at_once = self._asked_at_once = 1
        self._announced: set[str] = set()
        self._startup: dict[str, float] = {}
        self._trying: str | None = None  # the device on which the worker may die
        self.compute_type: str | None = None
        self.libraries: tuple[str, ...] = ()
        self.directory = Path(tempfile.mkdtemp(prefix="mlenv-", dir=_memory()))
        self._venv = venv
        self._transcriber: Worker | None = None
        self._diarizer: Worker | None = None
        together = options.diarize and (options.only_speakers or memory.for_both(options))
        if not options.only_speakers:
            self._transcriber = self._start("transcriber")
        if together:
            self._diarizer = self._start("diarizer")

    def _start(self, worker: str) -> Worker:
        settings = requests.settings(worker, self._options)
        return Worker(worker, self._venv, self._inbox, settings=settings)

    def close(self) -> None:
        """Stop the workers and remove the samples that they exchanged."""
        self._stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _stop(self) -> None:
        for worker in (self._transcriber, self._diarizer):
            if worker:
                worker.stop()
        self._transcriber = self._diarizer = None

    def run(
        self,
        sources: Sequence[Source],
        model: Callable[[], Path],
        pipeline: Callable[[], Pipeline],
    ) -> Iterator[Event]:
        """Transcribe `sources`; raises `MlenvError` where none of them can go on."""
        self._model, self._pipeline = model, pipeline
        files = list(enumerate(sources))
        if not self._options.diarize:
            kinds: dict[bool, list[tuple[int, Source]]] = {True: [], False: []}
            for number, source in files:
                kinds[_size(source) <= LONG].append((number, source))
            yield from self._words(kinds[True], at_once=len(kinds[True]))
            yield from self._words(kinds[False], at_once=1)
        elif self._diarizer:
            yield from self._both(files)
        else:
            yield Note("no room for words and speakers at once, so they take turns")
            for first in range(0, len(files), A_TURN):
                yield from self._words(files[first : first + A_TURN], at_once=1)
                yield from self._speakers(files[first : first + A_TURN])

    def _words(self, files: Files, *, at_once: int) -> Iterator[Event]:
        if files:
            self._transcriber = self._transcriber or self._start("transcriber")
            self._ask_transcriber(self._options.device, at_once)
            yield from self._through(self._transcriber, files)
            self._stop()

    def _speakers(self, files: Files) -> Iterator[Event]:
        left = [(number, source) for number, source in files if number in self._files]
        if left:
            self._diarizer = self._start("diarizer")
            yield from self._ask_diarizer(self._diarizer)
            yield from self._through(self._diarizer, left)
            self._stop()

    def _both(self, files: Files) -> Iterator[Event]:
        assert self._diarizer
        if self._transcriber:
            self._ask_transcriber(self._options.device, 1)
        yield from self._ask_diarizer(self._diarizer)
        yield from self._through(self._transcriber or self._diarizer, files)

    def _through(self, first: Worker, files: Files) -> Iterator[Event]:
        """Give files to the first worker until all workers are through with all of them."""
        waiting = list(files)[::-1]
        while waiting or self._under_way:
            # one more than are at work, so that it is ready; not all, so that memory stays flat
            while waiting and len(self._under_way) <= self._at_once:
                number, source = waiting.pop()
                self._under_way.add(number)
                self._files.setdefault(number, Unfinished(source))
                first.send(FileRequest(number, path=str(source.file)))
            worker, event = self._inbox.get()
            if worker not in (self._transcriber, self._diarizer):
                continue  # the last words of one that was stopped
            if event is not None:
                yield from self._take(event)
            elif worker is self._transcriber and self._trying == "cuda":
                yield self._on_the_cpu(worker.death())
                first = self._transcriber
            else:
                raise worker.death()

    def _on_the_cpu(self, death: MlenvError) -> Note:
        """Begin anew on the CPU after a GPU that only seemed usable ended the worker.

        Raises `death` where the GPU was asked for.
        """
        if self._options.device != "auto":
            raise death
        assert self._transcriber
        self._trying = None
        self._transcriber.stop()
        self._transcriber = self._start("transcriber")
        self._ask_transcriber("cpu", self._asked_at_once)
        for number in sorted(self._under_way):
            path = str(self._files[number].source.file)
            self._transcriber.send(FileRequest(number, path=path))
        return Note(f"the GPU can't be used, going on with the CPU. {death.message}", warning=True)

    def _take(self, event: protocol.Event) -> Iterator[Event]:
        match event:
            case protocol.Trying():
                self._trying = event.device
            case protocol.Ready():
                yield from self._ready(event)
            case protocol.Refused():
                self._stop()  # its memory counts as free
                raise requests.refusal(event, self._options)
            case _ if event.id in self._files:  # else it has failed in the other worker
                yield from self._of_file(event, self._files[event.id])

    def _ready(self, event: protocol.Ready) -> Iterator[Event]:
        self._trying = None
        self._startup |= event.seconds
        if event.compute_type:  # the transcriber
            self._at_once, self.compute_type = event.at_once, event.compute_type
        notes = [note for note in _notes(event) if note.text not in self._announced]
        self._announced |= {note.text for note in notes}
        yield from notes

    def _of_file(self, event: FileEvent, file: Unfinished) -> Iterator[Event]:
        match event:
            case protocol.Decoded():
                yield from self._decoded(event, file)
            case protocol.SegmentFound():
                segment: Segment = {
                    "start": event.segment["start"],
                    "end": event.segment["end"],
                    "text": event.segment["text"],
                    "speaker": None,
                    "words": list(map(_word, event.segment["words"])),
                }
                file.segments.append(segment)
                yield Heard(file.source, segment, file.duration)
            case protocol.Diarizing():
                # while words are still being found, they tell the progress
                if file.transcribed or not self._transcriber:
                    yield Progress(file.source, event.share * file.duration, file.duration)
            case protocol.Transcribed():
                file.language = event.language
                self.libraries = tuple(event.libraries)
                file.timings |= event.seconds
                file.transcribed = True
                yield from self._finish(event.id)
            case protocol.Diarized():
                self._diarized(event, file)
                yield from self._finish(event.id)
            case protocol.FileFailed():
                self._under_way.discard(event.id)
                del self._files[event.id]
                problem = Problem(event.code, f"{file.source.shown} {event.message}")
                yield Failed(file.source, problem)

    def _decoded(self, event: protocol.Decoded, file: Unfinished) -> Iterator[Event]:
        is_first = not file.duration
        file.duration = event.duration
        if event.truncated and is_first:
            promised = f"it should last {event.truncated:.1f} s"
            should = "its end is missing" if isinf(event.truncated) else promised
            yield Note(
                f"{file.source.shown} breaks off: {should}, "
                f"{file.duration:.1f} s of it can be decoded",
                warning=True,
            )
        if self._transcriber and self._diarizer:
            self._diarizer.send(FileRequest(event.id, samples=event.path))

    def _diarized(self, event: protocol.Diarized, file: Unfinished) -> None:
        names = speakers.names_of(event.turns, self._options.speaker_names)
        self.libraries = (*self.libraries, *event.libraries)
        file.turns = speakers.renamed(event.turns, names)
        file.exclusive = speakers.renamed(event.exclusive, names)
        file.timings |= event.seconds

    def _finish(self, number: int) -> Iterator[Event]:
        file = self._files[number]
        words = file.transcribed or self._options.only_speakers
        turns = file.turns is not None or not self._options.diarize
        if (words or not self._transcriber) and (turns or not self._diarizer):
            self._under_way.discard(number)
        if words and turns:
            del self._files[number]
            yield Finished(file.source, file.transcript(self._startup))

    def _ask_transcriber(self, device: str, at_once: int) -> None:
        assert self._transcriber
        model = self._model()
        at_once = min(at_once, memory.files_at_once(self._options))
        self._at_once, self._asked_at_once = 1, at_once
        handover = self.directory if self._diarizer else None
        self._transcriber.send(
            requests.transcription(self._options, model, device, at_once, handover)
        )

    def _ask_diarizer(self, worker: Worker) -> Iterator[Note]:
        chosen = self._pipeline()
        if chosen.note not in self._announced:
            self._announced.add(chosen.note)
            yield Note(chosen.note)
        worker.send(requests.diarization(self._options, chosen))


def _word(word: protocol.Word) -> Word:
    return {
        "word": word["word"],
        "start": word["start"],
        "end": word["end"],
        "probability": word["probability"],
    }


def _notes(event: protocol.Ready) -> Iterator[Note]:
    for text in (event.warning, *event.notes):
        if text:
            yield Note(text, warning=True)
    if event.compute_type:
        yield Note(f"transcribing on {event.device} in {event.compute_type} ({event.why})")


def _size(source: Source) -> int:
    try:
        return source.file.stat().st_size
    except OSError:  # the worker says what is wrong with it
        return 0


def _memory() -> str | None:
    """A directory in memory where Linux has one; else the usual one for temporary files."""
    shared = Path("/dev/shm")
    try:
        return str(shared) if shutil.disk_usage(shared).free > 2 << 30 else None
    except OSError:
        return None
