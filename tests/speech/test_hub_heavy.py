"""The model hub, with its real client against a stand-in server.

No hub can be reached where these tests run. The server here answers as the hub does to what
`huggingface_hub` asks of it: HEAD and GET of /REPO/resolve/REVISION/FILE with X-Repo-Commit and
ETag, /api/models/REPO/auth-check, and X-Error-Code for gated and missing repositories.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlenv import samples
from tests.speech.conftest import UTTERANCES, Transcribe

pytestmark = pytest.mark.heavy

REVISION = "0123456789abcdef0123456789abcdef01234567"
FILES = ("libri_01_spk1089.flac", "libri_04_spk1221.flac")
TOKEN = "hf_thisIsSecret"


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gated = False
    spoils = False
    breaks_off_after: int | None = None
    asked: list[tuple[str, str, str | None]]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.asked.append((self.command, self.path, self.headers["Range"]))
        allowed = not self.gated or self.headers["Authorization"] == f"Bearer {TOKEN}"
        path = UTTERANCES / Path(self.path).name
        if not self.path.startswith(("/owner/name/", "/api/models/pyannote/", "/api/models/owner")):
            self._refuse(404, "RepoNotFound")
        elif not allowed:
            self._refuse(403 if self.headers["Authorization"] else 401, "GatedRepo")
        elif self.path.startswith("/api/"):
            self._send(200, b"{}", {}, body=body)
        else:
            data = path.read_bytes()
            if self.spoils:
                data = data[:-1] + b"?"
            etag = f'"{hashlib.sha256(path.read_bytes()).hexdigest()}"'
            begin = int((self.headers["Range"] or "bytes=0-")[6:].split("-")[0])
            headers = {"ETag": etag, "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
            self._send(206 if begin else 200, data[begin:], headers, body=body)

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"no", {"X-Error-Code": code, "X-Error-Message": "no"}, body=True)

    def _send(self, status: int, data: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(data[: self.breaks_off_after])
            self.close_connection = self.breaks_off_after is not None

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub() -> Iterator[tuple[type[Hub], str]]:
    handler = type("One", (Hub,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def environ(tmp_path: Path, hub: tuple[type[Hub], str]) -> dict[str, str]:
    manifest = tmp_path / "models.toml"
    rows = "".join(
        f'[[models.small.files]]\nname = "{name}"\nsize = {(UTTERANCES / name).stat().st_size}\n'
        f'sha256 = "{hashlib.sha256((UTTERANCES / name).read_bytes()).hexdigest()}"\n'
        for name in FILES
    )
    manifest.write_text(
        '[models.small]\nkind = "whisper"\ntitle = "Two utterances"\nlicence = "CC-BY-4.0"\n'
        f'hub = {{ repo = "owner/name", revision = "{REVISION}", gated = true }}\n{rows}'
    )
    return {
        "MLENV_MODELS_MANIFEST": str(manifest),
        "MLENV_CACHE_DIR": str(tmp_path / "cache"),
        "HF_ENDPOINT": hub[1],
    }


def pull(mlenv: Any, venv: Path, environ: dict[str, str], **more: str) -> tuple[int, str, str]:
    done = mlenv("models", "pull", "small", "--venv", venv, env={**environ, **more})
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def test_a_model_from_the_hub(
    mlenv: Any, real_venv: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    code, said, error = pull(mlenv, real_venv, environ)
    assert code == 0, error
    assert "here" in said
    store = tmp_path / "cache" / "models" / "small"
    assert sorted(path.name for path in store.iterdir()) == sorted(FILES)


def test_a_hub_that_serves_something_else(
    mlenv: Any,
    real_venv: Path,
    environ: dict[str, str],
    hub: tuple[type[Hub], str],
    tmp_path: Path,
) -> None:
    hub[0].spoils = True
    code, _, error = pull(mlenv, real_venv, environ)
    assert code == 1
    assert f"refused, {FILES[0]} has sha256" in error
    assert not (tmp_path / "cache" / "models" / "small").exists()


def test_gated_without_a_token_without_consent_and_with_both(
    mlenv: Any, real_venv: Path, environ: dict[str, str], hub: tuple[type[Hub], str]
) -> None:
    hub[0].gated = True
    code, _, error = pull(mlenv, real_venv, environ)
    assert code == 1
    assert "it is gated and there is no token that may read it" in error
    assert "https://huggingface.co/owner/name" in error
    code, _, error = pull(mlenv, real_venv, environ, HF_TOKEN="hf_other")
    assert code == 1
    assert "its conditions have not been accepted for this account" in error
    assert pull(mlenv, real_venv, environ, HF_TOKEN=TOKEN)[0] == 0


def test_a_hub_that_cannot_be_reached(mlenv: Any, real_venv: Path, environ: dict[str, str]) -> None:
    code, _, error = pull(mlenv, real_venv, environ, HF_ENDPOINT="http://127.0.0.1:9")
    assert code == 1
    assert "hub: the hub can't be reached" in error


def test_a_gated_pipeline_names_the_repository_and_the_page(
    transcribe: Transcribe, hub: tuple[type[Hub], str]
) -> None:
    hub[0].gated = True
    words = (samples.CONVERSATION, "--diarize", "--diarize-model", "3.1", "--json")
    done = transcribe(*words, env={"HF_ENDPOINT": hub[1], "HF_TOKEN": "hf_other"})
    (error,) = json.loads(done.stdout)["errors"]
    assert (done.returncode, error["code"]) == (1, "gated-model-no-access")
    assert error["message"].startswith("pyannote/speaker-diarization-3.1 can't be read: its cond")
    assert "https://huggingface.co/pyannote/speaker-diarization-3.1" in error["message"]
    assert "hf_other" not in done.stdout + done.stderr
