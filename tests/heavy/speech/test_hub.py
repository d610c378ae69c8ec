"""The model hub, with its real client against a stand-in server (`support/hub.py`)."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlenv.speech.verify import samples
from tests.support.hub import REVISION, TOKEN, Hub, serving
from tests.support.places import UTTERANCES
from tests.support.speech import Transcribe

pytestmark = pytest.mark.heavy

FILES = ("libri_01_spk1089.flac", "libri_04_spk1221.flac")
# A repository that has what a CTranslate2 model has; nothing here loads it.
MODEL = {
    "model.bin": (UTTERANCES / FILES[0]).read_bytes(),
    "config.json": b'{"suppress_ids": []}',
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"one\ntwo\n",
    "README.md": b"not wanted",
}
ID = "owner/faster-whisper"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as hub:
        hub.repos["owner/name"] = {name: (UTTERANCES / name).read_bytes() for name in FILES}
        hub.repos["pyannote/speaker-diarization-3.1"] = {}
        hub.repos[ID] = dict(MODEL)
        yield hub


@pytest.fixture
def environ(tmp_path: Path, hub: Hub) -> dict[str, str]:
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
        "HF_ENDPOINT": hub.url,
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
    hub: Hub,
    tmp_path: Path,
) -> None:
    hub.spoils = True
    code, _, error = pull(mlenv, real_venv, environ)
    assert code == 1
    assert f"refused, {FILES[0]} has sha256" in error
    assert not (tmp_path / "cache" / "models" / "small").exists()


def test_gated_without_a_token_without_consent_and_with_both(
    mlenv: Any, real_venv: Path, environ: dict[str, str], hub: Hub
) -> None:
    hub.gated = True
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
    transcribe: Transcribe, hub: Hub
) -> None:
    hub.gated = True
    words = (samples.CONVERSATION, "--diarize", "--diarize-model", "3.1", "--json")
    done = transcribe(*words, env={"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_other"})
    (error,) = json.loads(done.stdout)["errors"]
    assert (done.returncode, error["code"]) == (1, "gated-model-no-access")
    assert error["message"].startswith("pyannote/speaker-diarization-3.1 can't be read: its cond")
    assert "https://huggingface.co/pyannote/speaker-diarization-3.1" in error["message"]
    assert "hf_other" not in done.stdout + done.stderr


def models(mlenv: Any, venv: Path, environ: dict[str, str], *words: str, code: int = 0) -> Any:
    """`data` of `mlenv models ..`, or its one error."""
    extra = ("--venv", venv) if words[0] == "pull" else ()
    done = mlenv("models", *words, *extra, "--json", env=environ)
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    assert document["exit_code"] == code, document
    return document["errors"][0] if code else document["data"]


def test_a_model_outside_the_manifest_is_pinned_at_its_first_use(
    mlenv: Any, real_venv: Path, environ: dict[str, str], hub: Hub, home: Path
) -> None:
    def ask(*words: str, code: int = 0) -> Any:
        return models(mlenv, real_venv, environ, *words, code=code)

    assert ask("where", ID, code=1)["code"] == "model-missing"
    (row,) = ask("pull", ID)["models"]
    snapshot = home / ".cache/huggingface/hub/models--owner--faster-whisper/snapshots" / REVISION
    assert (row["state"], row["licence"], row["path"]) == ("here", "mit", str(snapshot))
    assert row["bytes"] == sum(len(data) for name, data in MODEL.items() if name != "README.md")
    assert ask("where", ID)["source"] == "hub-cache"
    assert [row["name"] for row in ask("verify")["models"]] == [ID]

    hub.requests.clear()  # the hub moves on; what is here stays, and nobody is asked
    hub.revision, hub.repos[ID]["model.bin"] = "f" * 40, (UTTERANCES / FILES[1]).read_bytes()
    assert ask("pull", ID)["models"][0]["path"] == str(snapshot)
    assert hub.requests == []

    blob = (snapshot / "model.bin").resolve()
    blob.write_bytes(MODEL["model.bin"][:-1] + b"?")
    error = ask("verify", ID, code=1)
    assert error["code"] == "hash-mismatch"
    assert f"{snapshot / 'model.bin'} (the hub's cache) has sha256 " in error["message"]
    assert ask("pull", ID, code=1)["message"].endswith(
        f"`mlenv models remove {ID}` forgets what it was, and takes what is there."
    )

    blob.unlink()  # what it says to do; at the pinned revision there are other bytes now
    (snapshot / "model.bin").unlink()
    hub.revision = REVISION
    assert ask("pull", ID, code=1)["code"] == "hash-mismatch"
    hub.repos[ID]["model.bin"] = MODEL["model.bin"]
    (snapshot / "model.bin").unlink()
    assert ask("pull", ID)["models"][0]["state"] == "here"

    assert ask("remove", ID)["removed"] == {ID: 0}
    assert ask("where", ID, code=1)["code"] == "model-missing"
    assert snapshot.is_dir()


def test_what_the_hub_named_is_what_must_have_come(
    mlenv: Any, real_venv: Path, environ: dict[str, str], hub: Hub
) -> None:
    hub.spoils = True
    error = models(mlenv, real_venv, environ, "pull", ID, code=1)
    named = hashlib.sha256(MODEL["model.bin"]).hexdigest()
    assert error["code"] == "hash-mismatch"
    assert "is not what the hub named: it has " in error["message"]
    assert f"{named} " in error["message"]
    assert models(mlenv, real_venv, environ, "where", ID, code=1)["code"] == "model-missing"


def test_outside_the_manifest_gated_unknown_and_offline(
    mlenv: Any, real_venv: Path, environ: dict[str, str], hub: Hub
) -> None:
    def ask(*words: str, code: int = 0, **more: str) -> Any:
        return models(mlenv, real_venv, {**environ, **more}, "pull", *words, code=code)

    offline = ask(ID, "--offline", code=1)
    assert (offline["code"], hub.requests) == ("model-missing", [])
    assert "--offline was asked for" in offline["message"]
    missing = ask("owner/nothing", code=1)
    assert missing["code"] == "model-unavailable"
    assert "the hub has no such repository" in missing["message"]
    hub.gated = True
    for more, said in (
        ({}, "it is gated and there is no token that may read it"),
        ({"HF_TOKEN": "hf_other"}, "its conditions have not been accepted for this account"),
    ):
        error = ask(ID, code=1, **more)
        assert error["code"] == "gated-model-no-access"
        assert said in error["message"]
        assert f"https://huggingface.co/{ID}" in error["message"]
    assert ask(ID, HF_TOKEN=TOKEN)["models"][0]["state"] == "here"
    hub.requests.clear()
    assert ask(ID, "--offline")["models"][0]["state"] == "here"  # no token, and cached
    assert hub.requests == []


def test_what_other_tools_have_cached_is_used_and_pinned(
    mlenv: Any, real_venv: Path, environ: dict[str, str], hub: Hub, tmp_path: Path
) -> None:
    code = f"import huggingface_hub; huggingface_hub.snapshot_download('{ID}')"
    home = {"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": hub.url, "HOME": str(tmp_path)}
    subprocess.run([real_venv / "bin/python", "-c", code], env=home, check=True)
    hub.requests.clear()
    environ["HF_HOME"] = home["HF_HOME"]
    (row,) = models(mlenv, real_venv, environ, "pull", ID, "--offline")["models"]
    assert (row["state"], row["source"], row["licence"]) == ("here", "hub-cache", "unknown")
    assert hub.requests == []


@pytest.mark.parametrize("whole_group", [True, False])
def test_killed_in_the_middle_it_looks_like_none_and_goes_on(
    whole_group: bool,
    mlenv: Any,
    real_venv: Path,
    environ: dict[str, str],
    hub: Hub,
    tmp_path: Path,
    home: Path,
) -> None:
    """kill -9, of all its processes or of mlenv alone: the hub's client goes on for a while."""
    data = MODEL["model.bin"] * 300  # more than the client keeps in memory (10 MB)
    hub.repos["owner/name"], hub.slow = {"model.bin": data}, threading.Event()
    Path(environ["MLENV_MODELS_MANIFEST"]).write_text(
        '[models.small]\nkind = "whisper"\ntitle = "One large file"\nlicence = "CC-BY-4.0"\n'
        f'hub = {{ repo = "owner/name", revision = "{REVISION}" }}\n[[models.small.files]]\n'
        f'name = "model.bin"\nsize = {len(data)}\nsha256 = "{hashlib.sha256(data).hexdigest()}"\n'
    )
    store = tmp_path / "cache" / "models"
    with subprocess.Popen(
        [sys.executable, "-m", "mlenv", "models", "pull", "small", "--venv", real_venv],
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environ},
        start_new_session=True,
    ) as child:
        while not any(f.stat().st_size for f in store.rglob("*.incomplete")):
            assert child.poll() is None
            time.sleep(0.05)
        (os.killpg if whole_group else os.kill)(child.pid, signal.SIGKILL)
    assert not (store / "small").exists()
    assert models(mlenv, real_venv, environ, "where", "small", code=1)["code"] == "model-missing"
    hub.requests.clear()
    hub.slow.set()
    assert models(mlenv, real_venv, environ, "pull", "small")["models"][0]["state"] == "here"
    if whole_group:
        assert any(begin for _, _, begin in hub.requests)  # it went on where it had stopped
    assert [path.name for path in (store / "small").iterdir()] == ["model.bin"]
    assert not (store / ".small.partial").exists()


@pytest.fixture
def weights(mlenv: Any, real_venv: Path, model_cache: Path) -> Path:
    """tiny.en, the real one."""
    env = {"MLENV_CACHE_DIR": str(model_cache)}
    done = mlenv("models", "pull", "tiny.en", "--venv", real_venv, "--json", env=env)
    return Path(json.loads(done.stdout)["data"]["models"][0]["path"])


def test_a_transcript_with_a_model_by_its_hub_id(
    transcribe: Transcribe, mlenv: Any, real_venv: Path, hub: Hub, weights: Path, tmp_path: Path
) -> None:
    """Real weights from the stand-in: fetched and pinned once, then used without the hub."""
    hub.repos[ID] = {file.name: file.read_bytes() for file in weights.iterdir()}
    env = {"HF_ENDPOINT": hub.url, "MLENV_CACHE_DIR": str(tmp_path / "cache")}
    words = (UTTERANCES / FILES[0], "--model", ID)
    first = transcribe(*words, env=env)
    assert (first.returncode, bool(hub.requests)) == (0, True), first.stderr
    hub.requests.clear()
    again = transcribe(*words, env=env)
    assert (again.returncode, again.stdout, hub.requests) == (0, first.stdout, [])
    assert "night, husband" in first.stdout.lower()
    words = ("--venv", real_venv, "--model", ID, "--device", "cpu", "--no-diarize", "--json")
    done = mlenv("verify", *words, env=env)
    [row] = json.loads(done.stdout)["data"]["rows"]
    assert (row["model"], row["ok"], hub.requests) == (ID, True, []), row


def test_a_wrong_file_in_a_folder_of_the_users_is_said_and_the_right_one_used(
    transcribe: Transcribe, weights: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine" / "tiny.en"
    mine.mkdir(parents=True)
    for file in weights.iterdir():
        (mine / file.name).symlink_to(file)
    (mine / "config.json").unlink()
    (mine / "config.json").write_text("{}")
    env = {"MLENV_MODELS": str(tmp_path / "mine")}
    done = transcribe(UTTERANCES / FILES[0], env=env)
    assert done.returncode == 0
    assert f"warning: {mine}/config.json (in $MLENV_MODELS) has 2 bytes where " in done.stderr
