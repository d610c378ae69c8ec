"""Real servers that keep files: S3's interface, a web server with a password, OpenSSH."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uv

S3 = "moto[server,s3]==5.2.5"  # in an environment of its own


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert process.poll() is None, process.args
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.2)
    raise AssertionError(process.args)


@contextlib.contextmanager
def _running(words: list[str | Path], port: int, log: Path) -> Iterator[None]:
    with log.open("wb") as stream:
        process = subprocess.Popen(words, stdout=stream, stderr=stream)
    try:
        _wait(port, process)
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def s3_server(log: Path) -> Iterator[str]:
    """A server that speaks S3; its address."""
    port = free_port()
    words: list[str | Path] = [uv.find_uv_bin(), "tool", "run", "--quiet", "--python", "3.11"]
    words += ["--from", S3, "moto_server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(words, port, log):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def sftp_server(folder: Path) -> Iterator[tuple[int, Path]]:
    """OpenSSH's server, as this user; its port, and the key that it takes."""
    port, key = free_port(), folder / "key"
    for name in ("key", "host"):
        generate: list[str | Path] = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f"]
        subprocess.run([*generate, folder / name], check=True)
    settings = {
        "Port": str(port), "ListenAddress": "127.0.0.1", "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "key.pub", "PidFile": "none", "StrictModes": "no",
        "PasswordAuthentication": "no", "UsePAM": "no", "Subsystem": "sftp internal-sftp",
    }  # fmt: skip
    (folder / "sshd").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    words: list[str | Path] = ["/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd"]
    with _running(words, port, folder / "sshd.log"):
        yield port, key


class Guarded(http.server.SimpleHTTPRequestHandler):
    """Shows a folder to who knows the name and the password."""

    password = ""

    def send_head(self) -> object:  # type: ignore[override]
        expected = base64.b64encode(f"me:{self.password}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {expected}":
            return super().send_head()
        self.send_error(401)
        return None

    def log_message(self, *_: object) -> None: ...


@contextlib.contextmanager
def web_server(folder: Path, password: str) -> Iterator[int]:
    """A web server; its port."""
    kind = type("Own", (Guarded,), {"password": password})
    handler = functools.partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_port)
        server.shutdown()
