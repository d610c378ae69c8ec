"""A model hub on the loopback interface: no real one can be reached where the tests run.

It answers as the hub does to what `huggingface_hub` asks of it: /api/models/REPO[/revision/REV]
with the commit, the files and the model card's licence; HEAD and GET of /REPO/resolve/REV/FILE
with X-Repo-Commit, ranges, and as ETag the Git blob id of a small file, as X-Linked-Etag the
sha256 of one that Git LFS has; auth-check; X-Error-Code for gated and missing repositories. A
gated repository's page can be read by everybody, its files can't: 401 without a token, 403 for an
account that has not accepted the conditions.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TOKEN = "hf_thisIsSecret"
REVISION = "0123456789abcdef0123456789abcdef01234567"
SMALL = 10_000  # bytes; what is larger is in Git LFS


@dataclass
class Hub:
    """What is served, and what is to go wrong. `requests`: (method, path, range)."""

    url: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    revision: str = REVISION
    gated: bool = False
    spoils: bool = False
    breaks_off_after: int | None = None
    slow: threading.Event | None = None  # a large file waits for it, half way through
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    def refusal(self, authorization: str | None) -> int | None:
        if not self.gated or authorization == f"Bearer {TOKEN}":
            return None
        return 403 if authorization else 401

    def page(self, repo: str) -> dict[str, object]:
        return {
            "id": repo,
            "sha": self.revision,
            "gated": "auto" if self.gated else False,
            "siblings": [{"rfilename": name} for name in self.repos[repo]],
            "cardData": {"license": "mit"},
        }


def etags(content: bytes) -> dict[str, str]:
    """How the hub names a file's content."""
    if len(content) > SMALL:
        large = hashlib.sha256(content).hexdigest()
        return {"ETag": f'"{large}"', "X-Linked-Etag": f'"{large}"'}
    return {"ETag": f'"{hashlib.sha1(b"blob %d" % len(content) + bytes(1) + content).hexdigest()}"'}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.requests.append((self.command, self.path, self.headers["Range"]))
        parts = urlsplit(self.path).path.strip("/").split("/")
        repo = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        refusal = self.hub.refusal(self.headers["Authorization"])
        if repo not in self.hub.repos:
            self._refuse(404, "RepoNotFound")
        elif parts[0] == "api" and parts[-1] == "auth-check":
            self._refuse(refusal, "GatedRepo") if refusal else self._send(200, b"{}", {})
        elif parts[0] == "api":
            kind = {"Content-Type": "application/json"}
            self._send(200, json.dumps(self.hub.page(repo)).encode(), kind)
        elif refusal:
            self._refuse(refusal, "GatedRepo")
        else:
            self._file(self.hub.repos[repo].get("/".join(parts[4:])))

    def _file(self, data: bytes | None) -> None:
        if data is None:
            self._refuse(404, "EntryNotFound")
            return
        headers = {"X-Repo-Commit": self.hub.revision, "Accept-Ranges": "bytes", **etags(data)}
        if self.hub.spoils and len(data) > SMALL:
            data = data[:-1] + bytes([data[-1] ^ 1])
        begin = int((self.headers["Range"] or "bytes=0-")[6:].split("-")[0])
        self._send(206 if begin else 200, data[begin:], headers)

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"no", {"X-Error-Code": code, "X-Error-Message": "no"})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.hub.breaks_off_after
        if self.hub.slow and len(data) > SMALL and not self.hub.slow.is_set():
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.hub.slow.wait()
            data, cut = data[len(data) // 2 :], None
        self.wfile.write(data[:cut])
        self.close_connection = cut is not None

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving() -> Iterator[Hub]:
    """An empty hub that answers until the block ends."""
    hub = Hub()

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None: ...  # a client that was killed

    server = Server(("127.0.0.1", 0), type("One", (Handler,), {"hub": hub}))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        if hub.slow:
            hub.slow.set()
        server.shutdown()
        server.server_close()
