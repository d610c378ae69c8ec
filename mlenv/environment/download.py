"""Download one file whose sha256 is known: resumed, tried again, with the user's credentials."""

from __future__ import annotations

import netrc
import os
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlenv.environment.lockfile.indexes import without_credentials
from mlenv.files import sha256

_TIME_LIMIT = 60.0  # seconds without a byte
PAUSES = (0.5, 2.0, 5.0)  # seconds before each further try
_WORTH_A_RETRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE_REFUSED = 416


class DownloadError(Exception):
    """Error of a download: `status` is what the server answered, where it answered with an error.

    `wrong_hash`: the sha256 of what came instead; empty where nothing whole came.
    """

    def __init__(self, reason: str, *, status: str = "", wrong_hash: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.wrong_hash = wrong_hash


def fetch(url: str, target: Path, digest: str, addresses: Iterable[str] = ()) -> None:
    """Download `url` to `target`, which gets its name only once its sha256 is `digest`.

    What a broken download left is gone on with. Credentials come from the URL, from one of
    `addresses` on the same host, or from $NETRC or ~/.netrc. Raises `DownloadError`, and
    `OSError` where `target` can't be written.
    """
    if target.is_file() and sha256(target) == digest:
        return
    partial = target.with_name(f".{target.name}.part")
    most, pauses = 0, iter(PAUSES)
    while True:
        try:
            resumed = _append(url, partial, addresses)
            if (actual := sha256(partial) or "") == digest:
                partial.replace(target)
                return
            partial.unlink()
            error = DownloadError(f"it has sha256 {actual[:12]}..", wrong_hash=actual)
            if not resumed:
                raise error
        except urllib.error.HTTPError as answer:
            error = DownloadError(str(answer.reason), status=f"{answer.code} {answer.reason}")
            if answer.code == _RANGE_REFUSED:
                partial.unlink(missing_ok=True)
            elif answer.code not in _WORTH_A_RETRY:
                raise error from answer
        except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as broken:
            error = DownloadError(str(getattr(broken, "reason", None) or broken))
        if (size := partial.stat().st_size if partial.is_file() else 0) > most:
            most, pauses = size, iter(PAUSES)  # it goes on: as many tries again
        pause = next(pauses, None)
        if pause is None:
            raise error
        time.sleep(pause)


def end_of(url: str, size: int, most: int, addresses: Iterable[str] = ()) -> bytes:
    """The last `size` bytes; all of it where the server gives no parts and it has at most `most`.

    Credentials are those of `fetch`. Raises `DownloadError`.
    """
    request = _request(url, addresses)
    request.add_header("Range", f"bytes=-{size}")
    try:
        with urllib.request.urlopen(request, timeout=_TIME_LIMIT) as answer:
            content: bytes = answer.read(most + 1)
    except (urllib.error.URLError, HTTPException, OSError) as error:
        raise DownloadError(str(error)) from error
    if len(content) > most:
        raise DownloadError(f"it has more than {most} bytes")
    return content


def _append(url: str, partial: Path, addresses: Iterable[str]) -> bool:
    """Fetch what `partial` lacks; tell if a part of it was there before."""
    have = partial.stat().st_size if partial.is_file() else 0
    request = _request(url, addresses)
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIME_LIMIT) as answer:
        resumed = have > 0 and answer.status == 206
        length = answer.headers.get("Content-Length")
        received = 0
        with partial.open("ab" if resumed else "wb") as stream:
            while block := answer.read(1 << 20):
                received += stream.write(block)
    if length and received < int(length):
        whole = int(length) + (have if resumed else 0)
        raise ConnectionError(f"it broke off after {partial.stat().st_size} of {whole} bytes")
    return resumed


def _request(url: str, addresses: Iterable[str]) -> urllib.request.Request:
    address = urlsplit(url)
    sources = (address, *map(urlsplit, addresses))
    pairs = [
        (unquote(each.username), unquote(each.password or ""))
        for each in sources
        if each.username and each.hostname == address.hostname
    ]
    request = urllib.request.Request(without_credentials(url))
    if credentials := pairs or _from_netrc(address.hostname or ""):
        token = b64encode(":".join(credentials[0]).encode()).decode()
        # Not sent on to another host that the server redirects to.
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request


def _from_netrc(host: str) -> list[tuple[str, str]]:
    try:
        entry = netrc.netrc(os.environ.get("NETRC") or None).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return []
    return [(entry[0], entry[2])] if entry else []
