"""Public records of the PyTorch index, for a machine that can't reach it.

A lock can be made without the index: a resolver needs the names, hashes and requirements of the
wheels, and public lock files and logs hold those of the releases that profiles pin. They are
in `pytorch_index.json`, each with its sources. `serving` answers with them as the index
would (PEP 691, PEP 658), so that the resolver does what it always does.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote
from urllib.request import Request, urlopen

from msgspec import Struct

from mlenv.files import decode

DATA = Path(__file__).with_name("pytorch_index.json")


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one package on one index. `files`: (file name, sha256).

    `unlabelled`: files of which only the set of hashes is known. They are in `files` too, each
    with any hash of the set: a lock names all of them, so it does not matter which is whose.
    """

    name: str
    version: str
    requires_python: str
    requires_dist: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    unlabelled: tuple[str, ...] = ()

    def metadata(self) -> str:
        """The core metadata that the resolver reads."""
        head = f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}\n"
        needs = "".join(f"Requires-Dist: {item}\n" for item in self.requires_dist)
        return f"{head}Requires-Python: {self.requires_python}\n{needs}"


class _File(Struct, frozen=True):
    filename: str
    sha256: str


class _Unlabelled(Struct, frozen=True):
    filenames: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()


class _Release(Struct, frozen=True, rename="kebab"):
    name: str
    version: str
    requires_python: str
    requires_dist: tuple[str, ...]
    files: tuple[_File, ...]
    unlabelled: _Unlabelled | None = None


class _Index(Struct, frozen=True):
    url: str
    releases: tuple[_Release, ...]


class _Table(Struct, frozen=True):
    indexes: tuple[_Index, ...]


@cache
def releases(url: str) -> tuple[Release, ...]:
    """The recorded releases of the index at `url`; empty for any other index."""
    table = decode(DATA.read_bytes(), _Table, DATA)
    return tuple(
        _release(each) for index in table.indexes if index.url == url for each in index.releases
    )


def _release(item: _Release) -> Release:
    unlabelled = item.unlabelled or _Unlabelled()
    files = [(file.filename, file.sha256) for file in item.files]
    files += zip(unlabelled.filenames, unlabelled.sha256, strict=True)
    return Release(
        item.name,
        item.version,
        item.requires_python,
        item.requires_dist,
        tuple(sorted(files)),
        tuple(sorted(unlabelled.filenames)),
    )


def differences(url: str, address: str) -> tuple[str, ...]:
    """Differences between the index at `address` and the records of `url`.

    Raises `OSError` where it does not answer.
    """
    differing = []
    for release in releases(url):
        served = _served(address, release.name)
        alike = {name for name, _ in release.files} - {*release.unlabelled}
        expected = dict(release.files)
        for name in sorted(alike & served.keys()):
            if served[name] != expected[name]:
                differing.append(f"{name} has another sha256 than is recorded")
        for name in sorted(alike - served.keys()):
            differing.append(f"{name} is not in the index")
        unlabelled = {sha256 for name, sha256 in release.files if name in release.unlabelled}
        for name in sorted({*release.unlabelled} & served.keys()):
            if served[name] not in unlabelled:
                differing.append(f"{name} has a sha256 that is none of the recorded")
    return tuple(differing)


def _served(address: str, package: str) -> dict[str, str]:
    """The files of one package and their sha256, as a simple index lists them (HTML or JSON)."""
    accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
    page = f"{address.rstrip('/')}/{package}/"
    with urlopen(Request(page, headers={"Accept": accept}), timeout=10) as answer:
        kind, body = answer.headers.get_content_type(), answer.read().decode("utf-8", "replace")
    if kind.endswith("+json"):
        return {
            file["filename"]: file["hashes"].get("sha256", "") for file in json.loads(body)["files"]
        }
    links = re.findall(r"""href=["']([^"'#]+)#sha256=([0-9a-f]{64})""", body)
    return {unquote(link.rpartition("/")[2]): sha256 for link, sha256 in links}


@contextmanager
def serving(url: str) -> Iterator[str]:
    """Answer for the index at `url` on the loopback interface; gives the address."""
    pages = _pages(url)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = pages.get(unquote(self.path).strip("/"), ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _pages(url: str) -> dict[str, tuple[str, bytes]]:
    pages = {}
    listed: dict[str, list[dict[str, object]]] = {}
    for release in releases(url):
        for name, sha256 in release.files:
            listed.setdefault(release.name, []).append(
                {
                    "filename": name,
                    "url": f"/files/{quote(name)}",
                    "hashes": {"sha256": sha256},
                    "requires-python": release.requires_python,
                    "core-metadata": True,
                }
            )
            pages[f"files/{name}.metadata"] = ("text/plain", release.metadata().encode())
    for name, files in listed.items():
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": files}
        pages[name] = ("application/vnd.pypi.simple.v1+json", json.dumps(page).encode())
    return pages
