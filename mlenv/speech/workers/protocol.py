"""How workers talk: one JSON object a line, requests on standard input, events on standard output.

Libraries print what they like. Their words go to standard error, so that the events stay clean.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path


class Events:
    """The way back to the caller."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(1), "w", encoding="ascii", buffering=1)
        self._turn = threading.Lock()  # whole lines, whoever speaks
        os.dup2(2, 1)

    def __call__(self, event: str, **fields: object) -> None:
        line = json.dumps({"event": event, **fields}) + "\n"
        try:
            with self._turn:
                self._stream.write(line)
        except BrokenPipeError:  # the caller is gone, and with it the reason to work
            os._exit(0)


def requests():
    """The objects on standard input, as they come."""
    for line in sys.stdin:
        yield json.loads(line)


class Clock:
    """Seconds since the start or the last look."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last call."""
        now = time.monotonic()
        lap, self._last = now - self._last, now
        return round(lap, 3)


def libraries() -> list[str]:
    """The files of CUDA, cuDNN, CTranslate2 and torch that this process has mapped: what was
    really loaded, whatever was meant to be."""
    found = set()
    try:
        with Path("/proc/self/maps").open() as maps:
            for line in maps:
                path = line.rstrip("\n").partition("/")[2]
                name = path.rpartition("/")[2]
                if name.startswith(("libcu", "libnv", "libctranslate2", "libtorch")):
                    found.add("/" + path)
    except OSError:  # no such file system here
        pass
    return sorted(found)
