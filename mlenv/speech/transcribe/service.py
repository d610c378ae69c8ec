"""Do one request after the other for a program that stays, with workers that stay.

Requests are begun in the order in which they come. Those for one model go together, as many as the
machine holds; the first that names another model waits until they are through.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import NamedTuple

from mlenv.result import MlenvError
from mlenv.speech.transcribe.events import Event, Failed, Finished, Note
from mlenv.speech.transcribe.request_lines import (
    Cancel,
    Id,
    Malformed,
    Request,
    parse_line,
    wrong,
)
from mlenv.speech.transcribe.session import Models, Session
from mlenv.speech.transcribe.worker_process import Inbox, Line

MOST_WAITING = 10_000  # lines that are read and not answered


class Answer(NamedTuple):
    """Something that has happened; to a request, if it belongs to one.

    `event`: also a line that asks for nothing that can be done, and a request that was taken back.
    """

    request: Request | None
    event: Event | Malformed | Cancel | MlenvError


class Service:
    """The requests of one caller. Their lines come by `inbox`, as what the workers say does.

    `room`: for lines that are not answered yet.
    """

    def __init__(
        self, venv: Path, models: Models, defaults: Sequence[str], idle: float | None
    ) -> None:
        self.inbox: Inbox = SimpleQueue()
        self.room = threading.Semaphore(MOST_WAITING)
        self._venv, self._models, self._defaults, self._idle = venv, models, defaults, idle
        self._session: Session | None = None
        self._open: dict[int, Request] = {}
        self._by_id: dict[Id, Request] = {}
        self._waiting: deque[Request] = deque()
        self._listens = True
        self._free_since = time.monotonic()

    def close(self) -> None:
        """Stop the workers; what they are at is given up."""
        self._end_session()

    @property
    def open(self) -> list[Request]:
        """Requests that are not answered, in the order in which they came."""
        return list(self._open.values())

    def answers(self) -> Iterator[Answer]:
        """Do what is asked for, until no more comes."""
        while self._listens or self._open:
            try:
                arrival = self.inbox.get(timeout=self._patience())
            except Empty:
                return
            if isinstance(arrival, Line):
                yield from self._hear(arrival)
            elif self._session:
                yield from self._guarded(self._session.handle(arrival))
            yield from self._admit()

    def _patience(self) -> float | None:
        """Seconds to wait for the next line; None for ever."""
        if self._open or self._idle is None:
            return None
        return max(0.0, self._free_since + self._idle - time.monotonic())

    def _hear(self, line: Line) -> Iterator[Answer]:
        if line.content == b"":
            self._listens = False
            return
        wish = parse_line(line, self._defaults)
        if isinstance(wish, Request) and wish.id in self._by_id:
            error = wrong(f"The request {wish.id!r} is under way.", "Give this one another id.")
            wish = Malformed(None, line.number, error)
        if isinstance(wish, Request):
            self._open[wish.number] = self._by_id[wish.id] = wish
            self._waiting.append(wish)
            return
        self.room.release()
        self._free_since = time.monotonic()
        if isinstance(wish, Cancel):
            yield from self._cancel(wish, line.number)
        else:  # an answer to this id would be taken for the other request's
            is_known = wish.id in self._by_id
            yield Answer(None, replace(wish, id=None) if is_known else wish)

    def _cancel(self, wish: Cancel, line: int) -> Iterator[Answer]:
        request = self._by_id.get(wish.id)
        if request is None:
            error = wrong(
                f"There is no request {wish.id!r} to cancel: it is through, or never was."
            )
            yield Answer(None, Malformed(None, line, error))
            return
        if request in self._waiting:
            self._waiting.remove(request)
        elif self._session:
            self._session.cancel(request.number)
        self._over(request)
        yield Answer(request, wish)

    def _admit(self) -> Iterator[Answer]:
        """Begin requests, in their order, as long as there is room."""
        while self._waiting:
            request = self._waiting[0]
            if self._session and not self._session.fits(request.options):
                if not self._session.is_idle:
                    return
                self._end_session()
            if self._session and not self._session.has_room(request.options):
                return
            self._waiting.popleft()
            yield from self._begin(request)

    def _begin(self, request: Request) -> Iterator[Answer]:
        try:
            if not self._session:
                self._session = Session(self._venv, request.options, self._models, self.inbox)
            begun = self._session.begin(request.number, request.source, request.options)
            for event in begun:
                yield self._answer(event)
        except MlenvError as error:
            yield self._failure(request, error)
            if self._session and self._session.is_idle:
                self._end_session()

    def _guarded(self, events: Iterator[Event]) -> Iterator[Answer]:
        """Answers; where no file of the session can go on, each of them fails of the same."""
        try:
            for event in events:
                yield self._answer(event)
        except MlenvError as error:
            numbers = self._session.files if self._session else []
            self._end_session()
            for number in numbers:
                yield self._failure(self._open[number], error)

    def _answer(self, event: Event) -> Answer:
        if isinstance(event, Note):
            return Answer(None, event)
        request = self._open[event.source.number or 0]
        if isinstance(event, Finished | Failed):
            self._over(request)
        return Answer(request, event)

    def _failure(self, request: Request, error: MlenvError) -> Answer:
        self._over(request)
        return Answer(request, error)

    def _over(self, request: Request) -> None:
        del self._open[request.number], self._by_id[request.id]
        self._free_since = time.monotonic()
        self.room.release()

    def _end_session(self) -> None:
        if self._session:
            self._session.close()
            self._session = None
