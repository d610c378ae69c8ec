"""Downloads from a server that does what servers do on a bad day."""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlenv.environment import download

CONTENT = bytes(range(256)) * 500
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Answers each request by the next of `faults`: a status, or after how many bytes it ends."""

    protocol_version = "HTTP/1.1"
    faults: list[tuple[str, int]]
    requests: list[tuple[str | None, str | None]]
    ranges = True
    content = CONTENT

    def do_GET(self) -> None:
        self.requests.append((self.headers["Range"], self.headers["Authorization"]))
        fault, number = self.faults.pop(0) if self.faults else ("", 0)
        self.close_connection = True
        if fault == "status":
            self.send_error(number)
            return
        start = int((self.headers["Range"] or "bytes=0-")[6:-1]) if self.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        self.wfile.write(self.content[start:][: number if fault == "ends" else None])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Server]]:
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
    monkeypatch.setenv("HOME", str(tmp_path))
    handler = type("One", (Server,), {"faults": [], "requests": []})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
    handler.url = f"127.0.0.1:{listening.server_port}/file.whl"  # type: ignore[attr-defined]
    yield handler
    listening.shutdown()
    listening.server_close()


def fetched(server: type[Server], folder: Path, prefix: str = "http://") -> Path:
    target = folder / "file.whl"
    download.fetch(f"{prefix}{server.url}", target, DIGEST)  # type: ignore[attr-defined]
    assert target.read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["file.whl"]
    return target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "files"
    path.mkdir()
    return path


def test_a_whole_file_is_asked_for_once(server: type[Server], folder: Path) -> None:
    fetched(server, folder)
    fetched(server, folder)
    assert server.requests == [(None, None)]


def test_a_broken_download_goes_on_where_it_ended(server: type[Server], folder: Path) -> None:
    server.faults += [("ends", 1000), ("status", 503), ("ends", 2000)]
    fetched(server, folder)
    assert [asked for asked, _ in server.requests] == [
        None,
        "bytes=1000-",
        "bytes=1000-",
        "bytes=3000-",
    ]


def test_as_long_as_it_goes_on_it_is_tried_again(server: type[Server], folder: Path) -> None:
    server.faults += [("ends", 10_000)] * 9
    fetched(server, folder)
    assert len(server.requests) == 10


def test_a_server_without_ranges_sends_it_whole_again(server: type[Server], folder: Path) -> None:
    server.ranges = False
    server.faults += [("ends", 1000)]
    fetched(server, folder)


@pytest.mark.parametrize("left", [b"of another version", CONTENT + b"and more"])
def test_what_another_download_left_does_no_harm(
    left: bytes, server: type[Server], folder: Path
) -> None:
    (folder / ".file.whl.part").write_bytes(left)
    if len(left) > len(CONTENT):
        server.faults += [("status", 416)]
    fetched(server, folder)


def test_what_does_not_get_better_is_an_error(server: type[Server], folder: Path) -> None:
    server.faults += [("status", 503)] * 9
    with pytest.raises(download.DownloadError) as caught:
        fetched(server, folder)
    assert (caught.value.status, len(server.requests)) == ("503 Service Unavailable", 3)


def test_a_refusal_is_not_tried_again(server: type[Server], folder: Path) -> None:
    server.faults += [("status", 404)]
    with pytest.raises(download.DownloadError) as caught:
        fetched(server, folder)
    assert (caught.value.status, len(server.requests)) == ("404 Not Found", 1)


def test_another_file_is_refused(server: type[Server], folder: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(download.DownloadError) as caught:
        fetched(server, folder)
    assert caught.value.wrong_hash == hashlib.sha256(server.content).hexdigest()
    assert list(folder.iterdir()) == []


def test_nobody_there(folder: Path, server: type[Server]) -> None:
    with pytest.raises(download.DownloadError) as caught:
        download.fetch("http://127.0.0.1:9/file.whl", folder / "file.whl", DIGEST)
    assert "Connection refused" in str(caught.value)


@pytest.mark.parametrize("where", ["url", "netrc", "another netrc"])
def test_credentials(
    where: str,
    server: type[Server],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if where != "url":
        file = tmp_path / (".netrc" if where == "netrc" else "mine")
        file.write_text("machine 127.0.0.1 login me password s%40crt\n")
        file.chmod(0o600)
        if where != "netrc":
            monkeypatch.setenv("NETRC", str(file))
    fetched(server, folder, "http://me:s%2540crt@" if where == "url" else "http://")
    assert server.requests == [(None, f"Basic {b64encode(b'me:s%40crt').decode()}")]


def test_credentials_of_an_index_on_the_same_host(server: type[Server], folder: Path) -> None:
    address = f"http://me:secret@{server.url}/simple"  # type: ignore[attr-defined]
    url = f"http://{server.url}"  # type: ignore[attr-defined]
    elsewhere = "http://other:secret@example.org/simple"
    download.fetch(url, folder / "file.whl", DIGEST, [elsewhere, address])
    assert server.requests == [(None, f"Basic {b64encode(b'me:secret').decode()}")]
