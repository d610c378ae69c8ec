"""Reachability of the model hub, and the gated models that the user's token may read."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mlenv.result import redacted

HUB = "https://huggingface.co"
TIME_LIMIT = 2.5  # seconds for everything here, side by side with the other facts

# What a pipeline of pyannote.audio 3 and 4 loads, each with conditions of its own.
GATED = {
    "pyannote/segmentation-3.0": "config.yaml",
    "pyannote/speaker-diarization-3.1": "config.yaml",
    "pyannote/speaker-diarization-community-1": "config.yaml",
}


@dataclass(frozen=True, slots=True)
class Access:
    """The hub's answer for one gated model: an HTTP status, None for no answer."""

    model: str
    status: int | None


@dataclass(frozen=True, slots=True)
class Network:
    """Answers of the model hub.

    `asked`: the hub was asked at all. `problem`: empty, `tls` or `unreachable`, with the system's
    words in `error`. `account`: the status of the hub's answer to the question who the token is.
    """

    asked: bool = False
    hub: str = HUB
    reachable: bool = False
    problem: str = ""
    error: str = ""
    account: int | None = None
    gated: tuple[Access, ...] = ()


Answer = tuple[int | None, str, str]


class Questions:
    """Asked on threads at once; `answers` waits for no longer than the time limit.

    The threads are daemons: a name server that never answers must not keep the doctor.
    """

    def __init__(self, environ: Mapping[str, str], token_place: str) -> None:
        hub = (environ.get("HF_ENDPOINT") or HUB).rstrip("/")
        parts = urlsplit(hub)
        hub = hub.replace(parts.netloc, parts.netloc.rpartition("@")[2])
        self._hub = redacted(hub)
        self._deadline = time.monotonic() + TIME_LIMIT
        token = _token(environ, token_place)
        self._root = _ask(hub + "/api/models?limit=1", "")
        self._account = _ask(hub + "/api/whoami-v2", token) if token else None
        self._gated = {
            model: _ask(f"{hub}/{model}/resolve/main/{file}", token, head=True)
            for model, file in GATED.items()
            if token
        }

    def answers(self) -> Network:
        status, problem, error = self._result(self._root)
        account = self._result(self._account)[0] if self._account else None
        gated = tuple(Access(model, self._result(asked)[0]) for model, asked in self._gated.items())
        return Network(True, self._hub, status is not None, problem, error, account, gated)

    def _result(self, asked: Future[Answer]) -> Answer:
        try:
            return asked.result(max(0.0, self._deadline - time.monotonic()))
        except TookTooLong:
            return None, "unreachable", f"no answer within {TIME_LIMIT} s"


def _ask(address: str, token: str, *, head: bool = False) -> Future[Answer]:
    asked: Future[Answer] = Future()

    def act() -> None:
        try:
            asked.set_result(_status(address, token, head=head))
        except Exception as error:  # whatever it is: no answer
            asked.set_result((None, "unreachable", redacted(f"{type(error).__name__}: {error}")))

    try:
        threading.Thread(target=act, daemon=True).start()
    except RuntimeError as error:  # no more threads (`ulimit -u`)
        asked.set_result((None, "unreachable", str(error)))
    return asked


def _token(environ: Mapping[str, str], place: str) -> str:
    if place.startswith("$"):
        return environ.get(place[1:], "").strip()
    try:
        return Path(place).read_text().strip() if place else ""
    except OSError:
        return ""


def _status(address: str, token: str, *, head: bool = False) -> Answer:
    """(HTTP status or None, kind of problem, its words)."""
    import ssl  # slow to import, and a quick look asks nothing
    import urllib.error
    import urllib.request

    class Stay(urllib.request.HTTPRedirectHandler):
        """A redirect is the answer (the file may be read): the token goes to nobody else."""

        def redirect_request(self, *_: object) -> None:
            return None

    headers = {"User-Agent": "mlenv-doctor"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(address, headers=headers, method="HEAD" if head else "GET")
    try:
        opener = urllib.request.build_opener(Stay)
        with opener.open(request, timeout=TIME_LIMIT - 0.3) as answer:
            return answer.status, "", ""
    except urllib.error.HTTPError as error:
        return 200 if 300 <= error.code < 400 else error.code, "", ""
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        kind = "tls" if isinstance(reason, ssl.SSLError) else "unreachable"
        return None, kind, redacted(str(reason))
