"""Whether the model hub answers, and which gated models the user's token may read."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

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
    """What the hub answered for one gated model: an HTTP status, None for no answer."""

    model: str
    status: int | None


@dataclass(frozen=True, slots=True)
class Network:
    """`asked`: the hub was asked at all. `problem`: empty, `tls` or `unreachable`, with the
    system's words in `error`. `account`: the status of the hub's answer to who the token is."""

    asked: bool = False
    hub: str = HUB
    reachable: bool = False
    problem: str = ""
    error: str = ""
    account: int | None = None
    gated: tuple[Access, ...] = ()


class Questions:
    """Asked on threads at once; `answers` waits for no longer than the time limit."""

    def __init__(self, environ: Mapping[str, str], token_place: str) -> None:
        hub = (environ.get("HF_ENDPOINT") or HUB).rstrip("/")
        parts = urlsplit(hub)
        self._hub = hub.replace(parts.netloc, parts.netloc.rpartition("@")[2])
        token = _token(environ, token_place)
        self._pool = ThreadPoolExecutor(8)
        self._root = self._pool.submit(_status, hub + "/api/models?limit=1", "")
        self._account: Future[tuple[int | None, str, str]] | None = None
        self._gated: dict[str, Future[tuple[int | None, str, str]]] = {}
        if token:
            self._account = self._pool.submit(_status, hub + "/api/whoami-v2", token)
            for model, file in GATED.items():
                address = f"{hub}/{model}/resolve/main/{file}"
                self._gated[model] = self._pool.submit(_status, address, token, head=True)

    def answers(self) -> Network:
        status, problem, error = _result(self._root)
        account = _result(self._account)[0] if self._account else None
        gated = tuple(Access(model, _result(asked)[0]) for model, asked in self._gated.items())
        self._pool.shutdown(wait=False, cancel_futures=True)
        return Network(True, self._hub, status is not None, problem, error, account, gated)


def _result(asked: Future[tuple[int | None, str, str]]) -> tuple[int | None, str, str]:
    try:
        return asked.result(TIME_LIMIT)
    except TookTooLong:
        return None, "unreachable", f"no answer within {TIME_LIMIT} s"


def _token(environ: Mapping[str, str], place: str) -> str:
    if place.startswith("$"):
        return environ.get(place[1:], "").strip()
    try:
        return Path(place).read_text().strip() if place else ""
    except OSError:
        return ""


def _status(address: str, token: str, *, head: bool = False) -> tuple[int | None, str, str]:
    """(HTTP status or None, kind of problem, its words)."""
    import ssl  # slow to import, and a quick look asks nothing
    import urllib.error
    import urllib.request

    headers = {"User-Agent": "mlenv-doctor"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(address, headers=headers, method="HEAD" if head else "GET")
    try:
        with urllib.request.urlopen(request, timeout=TIME_LIMIT - 0.3) as answer:
            return answer.status, "", ""
    except urllib.error.HTTPError as error:
        return error.code, "", ""
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        kind = "tls" if isinstance(reason, ssl.SSLError) else "unreachable"
        return None, kind, str(reason)
