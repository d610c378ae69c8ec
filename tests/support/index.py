"""A package index on the loopback interface, for what the real one would not do on demand.

It stands for an index or a mirror: PEP 503 names, the PEP 691 answer with sha256 and upload
times, small but real wheels. A test may set a fault for any path: a status, or other bytes.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPLOADED = "2025-06-01T00:00:00Z"


def wheel(
    name: str, version: str, requires: Sequence[str] = (), tag: str = "py3-none-any", **files: str
) -> tuple[str, bytes]:
    """A real wheel of one module (plus `files`, by path): its file name and its bytes."""
    module = name.replace("-", "_").replace(".", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {item}\n" for item in requires)
    contents = {
        f"{module}/__init__.py": f"__version__ = {version!r}\n",
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},{digest(text)},{len(text)}\n" for path, text in contents.items())
    record += f"{info}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path, (2025, 1, 1, 0, 0, 0)), text)
    return f"{module}-{version}-{tag}.whl", buffer.getvalue()


_BACKEND = """\
import pathlib, sys

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with open({trace!r}, "a") as trace:
        print("built", file=trace)
    name = {name!r}
    (pathlib.Path(wheel_directory) / name).write_bytes({content!r})
    return name
"""


def source_archive(name: str, version: str, trace: str) -> tuple[str, bytes]:
    """An sdist whose build leaves the file `trace`, as any code of its could."""
    file_name, content = wheel(name, version)
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
        'backend-path = ["."]\n',
        "backend.py": _BACKEND.format(trace=trace, name=file_name, content=content),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", buffer.getvalue()


def digest(text: str) -> str:
    """The sha256 of an ASCII text as RECORD has it."""
    value = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={value.rstrip(b'=').decode()}"


@dataclass
class Index:
    """What is served, and what is to go wrong: `faults` maps a path to a status or to bytes."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    yanked: set[str] = field(default_factory=set)
    faults: dict[str, int | bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    uploaded: str | None = UPLOADED  # None: it does not say, as the PyTorch index
    members: set[str] = field(default_factory=set)  # `name:password`; empty: everybody may read
    lasting: bool = False  # files may be cached for ever, as the real one says
    relative: bool = False  # addresses of files are relative to the page
    left: int | None = None  # so many answers more, half of the last one; then the cable is cut
    stop: Callable[[], None] = lambda: None

    def add(self, name: str, version: str, requires: Sequence[str] = (), **options: str) -> str:
        """Serve one more wheel; returns its sha256."""
        file_name, content = wheel(name, version, requires, **options)
        self.files[file_name] = content
        return hashlib.sha256(content).hexdigest()

    def add_source(self, name: str, version: str, trace: str) -> None:
        """Serve a package that has no wheel; see `source_archive`."""
        file_name, content = source_archive(name, version, trace)
        self.files[file_name] = content

    def answer(self, path: str) -> tuple[int, str, bytes]:
        fault = self.faults.get(path)
        if isinstance(fault, int):
            return fault, "text/plain", b"as the test wants it"
        if isinstance(fault, bytes):
            return 200, "application/octet-stream", fault
        kind, _, name = path.strip("/").partition("/")
        if kind == "files" and name in self.files:
            return 200, "application/octet-stream", self.files[name]
        if kind == "simple" and (listed := self._listed(name.strip("/"))):
            page = {"meta": {"api-version": "1.1"}, "name": name.strip("/"), "files": listed}
            return 200, "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()
        return 404, "text/plain", b"not found"

    def admits(self, authorization: str) -> bool:
        """Tell if somebody who sends this header may read."""
        known = {base64.b64encode(each.encode()).decode() for each in self.members}
        return not known or authorization.removeprefix("Basic ") in known

    @property
    def _base(self) -> str:
        return "../.." if self.relative else self.url.removesuffix("/simple")

    def _listed(self, project: str) -> list[dict[str, object]]:
        return [
            {
                "filename": name,
                "url": f"{self._base}/files/{name}",
                "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
                **({"upload-time": self.uploaded} if self.uploaded else {}),
                "size": len(content),
                "yanked": name in self.yanked,
            }
            for name, content in self.files.items()
            if name.split("-")[0].replace("_", "-").lower() == project
        ]


@contextmanager
def serving() -> Iterator[Index]:
    """An empty index that answers until the block ends."""
    index = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            index.requests.append(self.path)
            if index.left is not None:
                index.left -= 1
                if index.left < 0:
                    self.close_connection = True
                    return
            status, kind, body = index.answer(self.path)
            if not index.admits(self.headers.get("Authorization", "")):
                status, kind, body = 401, "text/plain", b"who are you?"
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if index.lasting and self.path.startswith("/files/"):
                self.send_header("Cache-Control", "max-age=365000000, immutable, public")
            self.end_headers()
            if self.command == "GET":
                with contextlib.suppress(ConnectionError):  # who asked may be killed meanwhile
                    self.wfile.write(body[: len(body) // 2] if index.left == 0 else body)
                self.close_connection |= index.left == 0

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # uv asks for fifty things at once

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}/simple"

    def stop() -> None:
        server.shutdown()
        server.server_close()

    index.stop = stop
    try:
        yield index
    finally:
        stop()
