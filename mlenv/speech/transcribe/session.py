"""Workers that stay, with one model loaded: files come one by one, each with options of its own.

The diarizer is started for the first file that wants speakers, and stays too where it has room
beside the transcriber. Where it has none, they take turns over that file.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mlenv.speech.transcribe import memory
from mlenv.speech.transcribe.crew import DIARIZER, TRANSCRIBER, Crew
from mlenv.speech.transcribe.dispatch import Dispatch
from mlenv.speech.transcribe.events import Event, Finished
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.pending import Unfinished
from mlenv.speech.transcribe.worker_process import Arrival, Inbox

if TYPE_CHECKING:
    from mlenv.speech.transcribe.diarization import Pipeline

# Options that a worker reads when it starts or loads its model.
OF_MODEL = ("model", "device", "device_index", "compute_type", "threads", "offline", "seed")
OF_PIPELINE = ("diarize_model",)


class Models(NamedTuple):
    """The models that options name, each looked for (and fetched) when it is asked for."""

    words: Callable[[argparse.Namespace], Path]
    speakers: Callable[[argparse.Namespace], Pipeline]


class Session:
    """One crew with its model, and the files that it has."""

    def __init__(
        self, venv: Path, options: argparse.Namespace, models: Models, inbox: Inbox
    ) -> None:
        self._options, self._models = options, models
        self._crew = Crew(venv, options, inbox=inbox, stays=True)
        self._dispatch = Dispatch(self._crew)
        self._waiting: deque[int] = deque()
        self._diarizes: argparse.Namespace | None = None  # options that chose the pipeline
        self._turn: int | None = None  # the file over which words and speakers take turns
        self._crew.start(TRANSCRIBER)  # it imports while the model is looked for
        self._configured = False

    def close(self) -> None:
        """Stop the workers and give up what is unfinished."""
        self._dispatch.close()

    @property
    def files(self) -> list[int]:
        """Numbers of the files that wait for their end here."""
        return [number for number, file in self._dispatch.files.items() if not file.cancelled]

    @property
    def is_idle(self) -> bool:
        """No worker is at a file."""
        return not self._dispatch.files

    def fits(self, options: argparse.Namespace) -> bool:
        """Tell if files with these options can be done by these workers as they are."""
        if not _same(OF_MODEL, self._options, options):
            return False
        chosen = self._diarizes
        return not (chosen and options.diarize) or _same(OF_PIPELINE, chosen, options)

    def has_room(self, options: argparse.Namespace) -> bool:
        """Tell if a file can be taken in now: one more than are at work, so that it is ready."""
        if self.is_idle:
            return True
        if self._turn is not None or len(self._dispatch.files) > self._crew.at_once:
            return False
        return not options.diarize or DIARIZER in self._crew or memory.for_diarizer(options)

    def begin(self, number: int, source: Source, options: argparse.Namespace) -> Iterator[Event]:
        """Take in one file; raises `MlenvError` where it can't be begun, and others can."""
        if options.diarize and DIARIZER not in self._crew:
            self._diarizes = options
        chosen = self._diarizes or options
        self._crew.equip(lambda: self._models.words(options), lambda: self._models.speakers(chosen))
        if TRANSCRIBER not in self._crew:
            self._crew.start(TRANSCRIBER)
            self._configured = False
        if not self._configured:
            self._crew.most_at_once = memory.files_at_once(options)
            yield from self._crew.configure(TRANSCRIBER)
            self._configured = True
        if options.diarize and DIARIZER not in self._crew:
            self._crew.pipeline()  # where there is none, that is known before any work
            if memory.for_diarizer(options):
                yield from self._start_diarizer()
            else:
                self._turn = number
        self._dispatch.files[number] = Unfinished(source, options)
        self._waiting.append(number)
        yield from self._go_on()

    def handle(self, arrival: Arrival) -> Iterator[Event]:
        """Take what has come of a worker; raises `MlenvError` where no file can go on."""
        if not (known := self._crew.known(arrival)):
            return
        first = (
            DIARIZER if TRANSCRIBER not in self._crew and self._turn is not None else TRANSCRIBER
        )
        for event in self._dispatch.handle(*known, first):
            yield event
            if isinstance(event, Finished):
                self._crew.startup = {}  # the next file has not waited for it
        self._dispatch.speakerless = None  # the next file may have them
        yield from self._go_on()

    def cancel(self, number: int) -> None:
        """Forget a file that nobody waits for, as soon as the workers are through with it."""
        if number in self._waiting:
            self._waiting.remove(number)
        self._dispatch.cancel(number)

    def _go_on(self) -> Iterator[Event]:
        if self._turn is not None:
            yield from self._take_turns(self._turn)
        if TRANSCRIBER in self._crew:
            self._dispatch.feed(TRANSCRIBER, self._waiting)

    def _take_turns(self, number: int) -> Iterator[Event]:
        """Go on with the speakers of a file where its words are found, and back."""
        file = self._dispatch.files.get(number)
        if file is None:
            self._turn = None
            self._crew.stop(DIARIZER)
        elif file.transcribed and DIARIZER not in self._crew:
            self._crew.stop(TRANSCRIBER)
            yield from self._start_diarizer()
            self._dispatch.send(DIARIZER, number)

    def _start_diarizer(self) -> Iterator[Event]:
        self._crew.start(DIARIZER)
        yield from self._crew.configure(DIARIZER)


def _same(names: tuple[str, ...], one: argparse.Namespace, other: argparse.Namespace) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in names)
