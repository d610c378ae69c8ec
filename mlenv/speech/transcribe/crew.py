"""The workers of one job: which are running, and for which files each has still to answer."""

from __future__ import annotations

import argparse
import functools
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from mlenv.result import MlenvError
from mlenv.speech.transcribe import requests
from mlenv.speech.transcribe.events import Note
from mlenv.speech.transcribe.worker_process import Arrival, Inbox, Worker
from mlenv.speech.workers import protocol
from mlenv.speech.workers.protocol import FileRequest

if TYPE_CHECKING:
    from mlenv.speech.transcribe.diarization import Pipeline

KILLED = 128 + signal.SIGKILL
TRANSCRIBER, DIARIZER = "transcriber", "diarizer"
ANSWERS = (protocol.Transcribed, protocol.Diarized, protocol.FileFailed)


class Death(NamedTuple):
    """A worker that ended too soon.

    `ready`: its model was loaded; `files`: those that it still had, in the order of sending;
    `trying`: the device that it was about to use for the first time.
    """

    error: MlenvError
    ready: bool
    files: Sequence[int]
    trying: str | None


class Crew:
    """At most one transcriber and one diarizer, by name.

    `at_once`: files that the transcriber works on together; `most_at_once`: what it is asked for.
    `startup`: seconds that went by before the first file. `stays`: files come one by one, each with
    options of its own; then `inbox` may be the caller's, who gets other things by it too.
    """

    def __init__(
        self,
        venv: Path,
        options: argparse.Namespace,
        *,
        inbox: Inbox | None = None,
        stays: bool = False,
    ) -> None:
        self._venv, self._options = venv, options
        self._inbox: Inbox = inbox or SimpleQueue()
        self.stays = stays
        self._running: dict[str, Worker] = {}
        self._ready: set[str] = set()
        self._sent: dict[str, list[int]] = {TRANSCRIBER: [], DIARIZER: []}
        self._trying: str | None = None
        self._announced: set[str] = set()
        self.device: str = options.device
        self.at_once = self.most_at_once = 1
        self.startup: dict[str, float] = {}
        self.compute_type: str | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._running

    def equip(self, model: Callable[[], Path], pipeline: Callable[[], Pipeline]) -> None:
        """Say where the models are, which is asked when a worker needs one."""
        self._model, self.pipeline = model, functools.cache(pipeline)

    def start(self, name: str) -> None:
        """Start a worker; it imports its libraries until `configure` tells it what to load."""
        settings = requests.settings(name, self._options)
        self._running[name] = Worker(name, self._venv, self._inbox, settings=settings)

    def replace(self, name: str, death: Death) -> Iterator[Note]:
        """Start a new worker for one that died: on the CPU where the GPU was the reason.

        Raises the death where the GPU was asked for.
        """
        if death.trying == "cuda":
            if self.device != "auto":
                raise death.error
            self.device = "cpu"
        elif death.error.exit_code == KILLED:  # for want of memory, most likely
            self.most_at_once = max(1, self.most_at_once // 2)
        self.start(name)
        yield from self.configure(name)
        if death.trying == "cuda":
            message = death.error.message
            yield Note(f"the GPU can't be used, going on with the CPU. {message}", warning=True)

    def stop(self, *names: str) -> None:
        """End these workers; what they were at is forgotten."""
        for name in names:
            if worker := self._running.pop(name, None):
                worker.stop()
            self._ready.discard(name)
            self._sent[name].clear()

    def configure(self, name: str) -> Iterator[Note]:
        """Send a worker its first request."""
        if name == TRANSCRIBER:
            self.at_once, self._trying = 1, None
            config = requests.transcription(
                self._options, self._model(), self.device, self.most_at_once, stays=self.stays
            )
            self._running[name].send(config)
        else:
            chosen = self.pipeline()
            yield from self._new(Note(chosen.note))
            self._running[name].send(requests.diarization(self._options, chosen))

    def refusal(self, refused: protocol.Refused) -> MlenvError:
        """The error for a worker that would not begin, with what to do about it."""
        return requests.refusal(refused, self._options)

    def send(self, name: str, request: FileRequest) -> None:
        """Send a worker one file."""
        self._sent[name].append(request.id)
        self._running[name].send(request)

    def files(self, name: str) -> Sequence[int]:
        """Files that a worker was sent and has not answered for, in the order of sending."""
        return self._sent[name]

    def cancel(self, number: int) -> None:
        """Tell the workers that nobody waits for a file any more; they still answer for it."""
        for name, sent in self._sent.items():
            if number in sent:
                self._running[name].send(protocol.Cancel(number))

    def receive(self) -> tuple[str, protocol.Event | Death]:
        """Wait for the next event, or the death, of a worker that is running."""
        while True:
            arrival = self._inbox.get()
            if isinstance(arrival, Arrival) and (known := self.known(arrival)):
                return known

    def known(self, arrival: Arrival) -> tuple[str, protocol.Event | Death] | None:
        """The outcome of a worker, by its name; None for the last words of a stopped one."""
        worker, event = arrival
        if self._running.get(worker.name) is not worker:
            return None
        name, files = worker.name, self._sent[worker.name]
        if event is None:
            trying = self._trying if name == TRANSCRIBER else None
            death = Death(worker.death(), name in self._ready, tuple(files), trying)
            self.stop(name)
            return name, death
        if isinstance(event, ANSWERS):
            files.remove(event.id)
        elif isinstance(event, protocol.Trying):
            self._trying = event.device
        return name, event

    def ready(self, name: str, event: protocol.Ready) -> Iterator[Note]:
        """Keep what a worker says of itself when its model is loaded; what is new in it."""
        self._ready.add(name)
        self.startup |= event.seconds
        if name == TRANSCRIBER:
            self._trying = None
            self.at_once, self.compute_type = event.at_once, event.compute_type
        yield from self._new(*_notes(event))

    def _new(self, *notes: Note) -> Iterator[Note]:
        """Those that no worker before has brought."""
        for note in notes:
            if note.text not in self._announced:
                self._announced.add(note.text)
                yield note


def _notes(event: protocol.Ready) -> Iterator[Note]:
    for text in (event.warning, *event.notes):
        if text:
            yield Note(text, warning=True)
    if event.compute_type:
        yield Note(f"transcribing on {event.device} in {event.compute_type} ({event.why})")
