"""Small real files as a model, and a mirror that serves them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.places import UTTERANCES

FILES = ("libri_01_spk1089.flac", "libri_04_spk1221.flac")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def small_model(tmp_path: Path) -> dict[str, str]:
    """The variables with which the manifest names one model, of two utterances."""
    manifest = tmp_path / "models.toml"
    rows = "".join(
        f'[[models.small.files]]\nname = "{name}"\nsize = {(UTTERANCES / name).stat().st_size}\n'
        f'sha256 = "{sha256(UTTERANCES / name)}"\n'
        for name in FILES
    )
    manifest.write_text(
        'default = "small"\n[models.small]\nkind = "whisper"\ntitle = "Two utterances"\n'
        f'licence = "CC-BY-4.0"\n{rows}'
    )
    return {"MLENV_MODELS_MANIFEST": str(manifest), "MLENV_CACHE_DIR": str(tmp_path / "cache")}


class Mirror(BaseHTTPRequestHandler):
    """Serves files with ranges; may break off, and may serve something else."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str | None]]
    breaks_off_after: int | None = None
    spoils = False

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Range"]))
        path = UTTERANCES / Path(self.path).name
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        if self.spoils:
            data = data[:-1] + b"?"
        begin = int((self.headers["Range"] or "bytes=0-")[6:-1])
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        self.wfile.write(data[begin : self.breaks_off_after])
        self.close_connection = True

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def mirror(small_model: dict[str, str]) -> Iterator[type[Mirror]]:
    """A mirror on the loopback interface that has the small model's files."""
    handler = type("One", (Mirror,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    small_model["MLENV_MODEL_MIRROR"] = f"http://127.0.0.1:{server.server_port}/models/"
    yield handler
    server.shutdown()
    server.server_close()
