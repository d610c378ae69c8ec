"""What the hub answers, asked of a small server here; the real one needs accounts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlenv.doctor.facts import network
from mlenv.doctor.facts.network import Access, Questions

TOKEN = "hf_known"
ACCEPTED = "pyannote/speaker-diarization-3.1"


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if TOKEN in self.path:
            status = 500
        elif self.path.startswith("/api/models"):
            status = 200
        elif not known:
            status = 401
        else:
            gated = "/resolve/" in self.path and not self.path.startswith(f"/{ACCEPTED}/")
            # A file that may be read lies on another host, which must not see the token.
            status = 403 if gated else 302 if "/resolve/" in self.path else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_without_a_token_only_the_hub_itself_is_asked(hub: str) -> None:
    found = Questions({"HF_ENDPOINT": hub}, "").answers()
    assert (found.reachable, found.problem, found.account, found.gated) == (True, "", None, ())


def test_which_gated_models_a_token_may_read(hub: str) -> None:
    found = Questions({"HF_ENDPOINT": hub, "HF_TOKEN": TOKEN}, "$HF_TOKEN").answers()
    assert found.account == 200
    assert found.gated == tuple(
        Access(model, 200 if model == ACCEPTED else 403) for model in network.GATED
    )


def test_a_token_that_the_hub_does_not_know(hub: str) -> None:
    found = Questions({"HF_ENDPOINT": hub, "HF_TOKEN": "hf_old"}, "$HF_TOKEN").answers()
    assert found.account == 401


def test_a_hub_that_never_answers_is_bounded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = Questions({"HF_ENDPOINT": hub, "HF_TOKEN": TOKEN}, "$HF_TOKEN").answers()
    assert (found.reachable, found.problem, found.account) == (False, "unreachable", None)


def test_credentials_in_the_hubs_address_are_not_told() -> None:
    found = Questions({"HF_ENDPOINT": "http://anna:geheim@127.0.0.1:9"}, "").answers()
    assert found.hub == "http://127.0.0.1:9"
    assert "geheim" not in repr(found)
