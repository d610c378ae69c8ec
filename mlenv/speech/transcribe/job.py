"""Run files through the workers and yield what happens as events.

The transcriber starts to import while the model is still being looked for. With speakers
wanted a second worker imports pyannote meanwhile; it gets each file's samples as the first one
decoded them, in memory, and finds the speakers while the words of the same file are found. Where
the machine has no room for both, they take turns, some files at a time.

Many short files go through together, a core for each; then come the long ones, all cores for one.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlenv.speech.transcribe import inputs, memory, names, scratch, speakers
from mlenv.speech.transcribe.crew import DIARIZER, TRANSCRIBER, Crew
from mlenv.speech.transcribe.dispatch import Dispatch
from mlenv.speech.transcribe.events import Event, Note
from mlenv.speech.transcribe.folder import LocalFolder
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.pending import Unfinished

if TYPE_CHECKING:
    from mlenv.speech.transcribe.diarization import Pipeline

LONG = 4 << 20  # bytes; a minute of WAV, several of anything else
Files = Sequence[tuple[int, Source]]  # numbered in the order in which they were named
A_TURN = 16  # files that wait for their speakers where the workers take turns


class Job:
    """One call of `transcribe`: its workers, and the files under way in them."""

    def __init__(self, venv: Path, options: argparse.Namespace) -> None:
        self._options = options
        self.crew = Crew(venv, options)
        self._dispatch = Dispatch(self.crew, only_speakers=options.only_speakers)
        scratch.clear_leftovers()
        together = options.diarize and (options.only_speakers or memory.for_both(options))
        if not options.only_speakers:
            self.crew.start(TRANSCRIBER)
        if together:
            self.crew.start(DIARIZER)

    def survey(self, words: Sequence[str], *, recursive: bool) -> inputs.Survey:
        """The recordings that the words of the command line lead to."""
        return inputs.survey(words, recursive=recursive)

    def folder(self, word: str) -> LocalFolder:
        """The directory that `--output-dir` names; raises `MlenvError`."""
        return LocalFolder(names.output_directory(word))

    def close(self) -> None:
        """Stop the workers and give up what is unfinished."""
        self._dispatch.close()

    @property
    def libraries(self) -> tuple[str, ...]:
        """Files of CUDA, cuDNN, CTranslate2 and torch that the workers have mapped."""
        return self._dispatch.libraries

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
        files_left = self._dispatch.files
        left = [(number, source) for number, source in files if number in files_left]
        if left and not self._dispatch.speakerless:
            self.crew.start(DIARIZER)
            yield from self.crew.configure(DIARIZER)
            yield from self._through(DIARIZER, left)
            self.crew.stop(DIARIZER)
        for number, _ in left:
            if number in files_left:
                yield from self._dispatch.finish(number)

    def _both(self, files: Files) -> Iterator[Event]:
        if TRANSCRIBER in self.crew:
            yield from self.crew.configure(TRANSCRIBER)
        yield from self.crew.configure(DIARIZER)
        yield from self._through(TRANSCRIBER if TRANSCRIBER in self.crew else DIARIZER, files)

    def _through(self, first: str, files: Files) -> Iterator[Event]:
        """Give files to the first worker until all workers are through with all of them."""
        for number, source in files:
            self._dispatch.files.setdefault(number, Unfinished(source, self._options))
        waiting = deque(number for number, _ in files)
        while first in self.crew and (waiting or self._dispatch.under_way):
            self._dispatch.feed(first, waiting)
            worker, event = self.crew.receive()
            yield from self._dispatch.handle(worker, event, first)


def _size(source: Source) -> int:
    state = source.state()
    return state.size if state else 0
