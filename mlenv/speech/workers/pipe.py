"""A worker's ends of the conversation: requests from standard input, events to standard output.

Libraries print what they like to standard output: `Events` sends that to standard error, so that
the events stay clean.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

from .protocol import CANCELLED, EVENTS, Config, Event, FileFailed, FileRequest

NAMES = {kind: name for name, kind in EVENTS.items()}


class Cancelled(Exception):
    """An event of a file that was cancelled meanwhile: whoever sends it shall end its work."""


class Events:
    """The stream of events to mlenv; whole lines, whichever thread sends them.

    `cancelled`: files of which nothing is sent any more but their end.
    """

    def __init__(self) -> None:
        self.cancelled: set[int] = set()
        self._stream = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
        self._lock = threading.Lock()
        os.dup2(2, 1)

    def __call__(self, event: Event) -> None:
        """Send one event; raises `Cancelled`."""
        if getattr(event, "id", None) in self.cancelled and not isinstance(event, FileFailed):
            raise Cancelled
        line = json.dumps({"event": NAMES[type(event)], **dataclasses.asdict(event)}) + "\n"
        try:
            with self._lock:
                self._stream.write(line)
        except BrokenPipeError:  # mlenv has ended: nobody reads any more
            os._exit(0)

    def end_cancelled(self, file: int) -> None:
        """Say that a file that was cancelled is over."""
        self(FileFailed(file, CANCELLED, "was cancelled"))
        self.cancelled.discard(file)


def requests(first: type[Config], emit: Events) -> Iterator[Any]:
    """Requests from standard input: one `first` (the configuration), then files.

    They are read ahead, so that files can be cancelled while others are at work.
    """
    lines: SimpleQueue[bytes | None] = SimpleQueue()
    threading.Thread(target=_read, args=(lines, emit), daemon=True).start()
    kind: type[Any] = first
    while (line := lines.get()) is not None:
        yield kind(**json.loads(line))
        kind = FileRequest


def _read(lines: SimpleQueue[bytes | None], emit: Events) -> None:
    """Pass on what comes; not by `sys.stdin`, whose lock would be held when the worker ends."""
    rest = b""
    while chunk := os.read(0, 1 << 16):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.startswith(b'{"cancel"'):
                emit.cancelled.add(json.loads(line)["cancel"])
            else:
                lines.put(line)
    lines.put(None)
