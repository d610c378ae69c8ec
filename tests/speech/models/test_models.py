"""Models by sha256: where they are looked for, how they are fetched, what is refused.

The manifest here names small real files (two utterances) as a model, so that every path can be
walked without a network. The mirror is a plain HTTP server on this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from mlenv.environment import download
from mlenv.progress import Silent
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import checked, fetch
from tests.support.places import UTTERANCES
from tests.support.small_model import FILES, Mirror, sha256

NO_VENV = Path("/proc/no-venv")  # these models come from no hub, so nothing of it is needed


@pytest.fixture
def environ(small_model: dict[str, str]) -> dict[str, str]:
    return small_model


@pytest.fixture
def model(environ: dict[str, str]) -> models.Model:
    return models.by_name("small", environ)


def put(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for name in FILES:
        shutil.copy(UTTERANCES / name, directory)
    return directory


def test_every_known_model_has_whole_hashes_and_a_source() -> None:
    for model in models.manifest({}).values():
        assert model.licence
        assert model.hub or model.wheels
        for file in model.files:
            assert len(file.sha256) == 64
            assert file.size > 0
            assert file.parts or not model.wheels
    assert models.default({}) in models.manifest({})


def test_a_folder_of_the_users_is_taken_first(
    environ: dict[str, str], model: models.Model, tmp_path: Path
) -> None:
    put(models.store(environ) / "small")
    mine = put(tmp_path / "mine" / "small")
    environ["MLENV_MODELS"] = f"/nowhere:{tmp_path / 'mine'}"
    assert models.find(model, environ) == models.ModelCopy(mine, "folder", True)


def test_the_hubs_cache_is_a_source(environ: dict[str, str], tmp_path: Path) -> None:
    hub = models.Hub(repo="owner/name", revision="c0ffee")
    environ["HF_HOME"] = str(tmp_path / "hf")
    where = put(tmp_path / "hf/hub/models--owner--name/snapshots/c0ffee")
    plain = models.by_name("small", environ)
    model = models.Model(
        name="small", kind="whisper", title="", licence="MIT", files=plain.files, hub=hub
    )
    assert models.find(model, environ) == models.ModelCopy(where, "hub-cache", True)


def test_nowhere(environ: dict[str, str], model: models.Model) -> None:
    with pytest.raises(MlenvError) as caught:
        models.find(model, environ)
    assert caught.value.code == "model-missing"


@pytest.mark.parametrize("keep_time", [True, False])
def test_a_wrong_file_is_refused(
    environ: dict[str, str], model: models.Model, keep_time: bool
) -> None:
    where = put(models.store(environ) / "small")
    models.find(model, environ)
    wrong = where / FILES[1]
    before = wrong.stat()
    wrong.write_bytes(wrong.read_bytes()[:-1] + b"?")
    if keep_time:  # somebody hides it: only hashing everything again finds that
        os.utime(wrong, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(MlenvError) as caught:
        models.find(model, environ, full=keep_time)
    assert caught.value.code == "hash-mismatch"
    assert str(wrong) in caught.value.message


def spoil(file: Path) -> Path:
    """Other bytes, as many."""
    data = file.read_bytes()
    file.unlink()  # never through a hard link
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return file


def test_a_wrong_file_of_the_users_is_passed_over_and_named(
    environ: dict[str, str], model: models.Model, tmp_path: Path
) -> None:
    wrong = spoil(put(tmp_path / "mine" / "small") / FILES[1])
    environ["MLENV_MODELS"] = str(tmp_path / "mine")
    right = put(models.store(environ) / "small")
    found = models.find(model, environ)
    assert (found.path, found.source) == (right, "store")
    why = f"has sha256 {sha256(wrong)[:12]}.. where {sha256(UTTERANCES / FILES[1])[:12]}.. is known"
    assert [str(each) for each in found.refused] == [f"{wrong} (in $MLENV_MODELS) {why}"]


def test_a_wrong_file_of_the_users_alone(
    environ: dict[str, str], model: models.Model, tmp_path: Path, mirror: type[Mirror]
) -> None:
    wrong = spoil(put(tmp_path / "mine" / "small") / FILES[0])
    environ["MLENV_MODELS"] = str(tmp_path / "mine")
    for offline in (False, True):
        with pytest.raises(MlenvError) as caught:
            if offline:
                fetch.ensure(model, NO_VENV, environ=environ, offline=True)
            else:
                models.find(model, environ)
        assert caught.value.code == "hash-mismatch"
        assert caught.value.message.startswith(
            f"The model small is not the right one: {wrong} (in $MLENV_MODELS) has sha256 "
        )
        assert caught.value.hint.startswith("Delete it, or put the right file there")
    assert mirror.asked == []
    found = fetch.ensure(model, NO_VENV, environ=environ)
    assert (found.source, [each.file for each in found.refused]) == ("store", [wrong])
    assert wrong.is_file()  # it is the user's


@pytest.mark.parametrize("how", ["short", "gone"])
def test_a_folder_of_which_something_is_missing(
    how: str, environ: dict[str, str], model: models.Model, tmp_path: Path
) -> None:
    file = put(tmp_path / "mine" / "small") / FILES[1]
    environ["MLENV_MODELS"] = str(tmp_path / "mine")
    size = file.stat().st_size
    if how == "short":
        file.write_bytes(file.read_bytes()[:1000])
    else:
        file.unlink()
    with pytest.raises(MlenvError) as caught:
        models.find(model, environ)
    code, said = {
        "short": ("hash-mismatch", f"has 1000 bytes where {size} are known"),
        "gone": ("model-missing", "is missing"),
    }[how]
    assert caught.value.code == code
    assert f"{file} (in $MLENV_MODELS) {said}" in caught.value.message


def test_the_commands_name_a_wrong_file(mlenv, environ: dict[str, str], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    wrong = spoil(put(tmp_path / "mine" / "small") / FILES[0])
    right = put(models.store(environ) / "small")
    environ["MLENV_MODELS"] = str(tmp_path / "mine")

    listed = mlenv("models", env=environ)
    assert listed.returncode == 0
    assert str(right) in listed.stdout
    assert f"warning: {wrong} (in $MLENV_MODELS) has sha256 " in listed.stderr

    where = mlenv("models", "where", "small", env=environ)
    assert (where.returncode, where.stdout) == (0, f"{right}\n")
    assert f"warning: {wrong} (in $MLENV_MODELS) has sha256 " in where.stderr
    document = json.loads(mlenv("models", "where", "small", "--json", env=environ).stdout)
    assert [each["file"] for each in document["data"].pop("refused")] == [str(wrong)]
    assert document["data"] == {
        "name": "small",
        "path": str(right),
        "source": "store",
        "sha256_ok": True,
    }

    verified = mlenv("models", "verify", env=environ)
    assert verified.returncode == 1
    assert f"error: {wrong} (in $MLENV_MODELS) has sha256 " in verified.stderr

    shutil.rmtree(right)
    listed = mlenv("models", env=environ)
    assert listed.stdout.startswith("wrong")
    assert f"warning: {wrong} (in $MLENV_MODELS) has sha256 " in listed.stderr
    where = mlenv("models", "where", "small", env=environ)
    assert (where.returncode, where.stdout) == (1, "")
    assert f"error: The model small is not the right one: {wrong} " in where.stderr


def test_what_was_checked_is_not_hashed_again(
    environ: dict[str, str], model: models.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(models.store(environ) / "small")
    models.find(model, environ)
    again = SimpleNamespace(file_digest=lambda *_: pytest.fail("it was hashed again"))
    monkeypatch.setattr(checked, "hashlib", again)
    assert models.find(model, environ).sha256_ok


def test_a_mirror(environ: dict[str, str], model: models.Model, mirror: type[Mirror]) -> None:
    found = fetch.ensure(model, NO_VENV, environ=environ)
    assert found == models.ModelCopy(models.store(environ) / "small", "store", True)
    assert [path for path, _ in mirror.asked] == [f"/models/small/{name}" for name in FILES]
    assert sorted(p.name for p in found.path.iterdir()) == sorted(FILES)


def test_a_download_that_breaks_off_looks_like_none_and_goes_on_later(
    environ: dict[str, str],
    model: models.Model,
    mirror: type[Mirror],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download, "PAUSES", (0.0,))
    mirror.breaks_off_after = 1000
    with pytest.raises(MlenvError) as caught:
        fetch.ensure(model, NO_VENV, environ=environ)
    assert caught.value.code == "model-unavailable"
    size = (UTTERANCES / FILES[0]).stat().st_size
    assert f"{FILES[0]}: it broke off after 1000 of {size} bytes" in caught.value.message
    assert not (models.store(environ) / "small").exists()
    mirror.breaks_off_after = None
    mirror.asked.clear()
    assert fetch.ensure(model, NO_VENV, environ=environ).sha256_ok
    assert mirror.asked[0] == (f"/models/small/{FILES[0]}", "bytes=1000-")


def test_a_mirror_that_serves_something_else_is_refused(
    environ: dict[str, str], model: models.Model, mirror: type[Mirror]
) -> None:
    mirror.spoils = True
    with pytest.raises(MlenvError) as caught:
        fetch.ensure(model, NO_VENV, environ=environ)
    assert caught.value.code == "hash-mismatch"
    assert f"refused, {FILES[0]} has sha256" in caught.value.message
    assert not (models.store(environ) / "small").exists()
    mirror.spoils = False
    assert fetch.ensure(model, NO_VENV, environ=environ).sha256_ok


def test_offline_touches_nothing(
    environ: dict[str, str], model: models.Model, mirror: type[Mirror]
) -> None:
    with pytest.raises(MlenvError) as caught:
        fetch.ensure(model, NO_VENV, environ=environ, offline=True)
    assert (caught.value.code, mirror.asked) == ("model-missing", [])


def test_two_at_once_fetch_once(
    environ: dict[str, str], model: models.Model, mirror: type[Mirror]
) -> None:
    found: list[models.ModelCopy] = []

    def pull() -> None:
        found.append(fetch.pull(model, NO_VENV, environ=environ, progress=Silent()))

    both = [threading.Thread(target=pull) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(found) == 2
    assert len(mirror.asked) == len(FILES)


def test_remove_leaves_other_places_alone(
    environ: dict[str, str], model: models.Model, tmp_path: Path
) -> None:
    mine = put(tmp_path / "mine" / "small")
    environ["MLENV_MODELS"] = str(tmp_path / "mine")
    put(models.store(environ) / "small")
    assert models.remove(model, environ) == model.size
    assert not (models.store(environ) / "small").exists()
    assert models.find(model, environ).path == mine


def test_what_is_not_mlenvs_is_named_and_stays(
    mlenv,  # type: ignore[no-untyped-def]
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    mine = put(tmp_path / "mine" / "small")
    environ["MLENV_MODELS"] = str(tmp_path / "mine")
    done = mlenv("models", "remove", "small", env=environ)
    assert done.returncode == 1
    assert f" It is in {mine}, which is not mlenv's to delete.\n" in done.stderr
    assert mine.is_dir()


def test_a_folder_with_a_name_that_the_manifest_has_not(
    mlenv,  # type: ignore[no-untyped-def]
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """It is written down at its first use; no hub and no environment is needed for it."""
    mine = tmp_path / "mine" / "owner" / "finetuned"
    mine.mkdir(parents=True)
    shutil.copy(UTTERANCES / FILES[0], mine / "model.bin")
    environ["MLENV_MODELS"] = str(tmp_path / "mine")

    def pull(code: int) -> dict[str, object]:
        words = ("pull", "owner/finetuned", "--offline", "--venv", NO_VENV, "--json")
        done = mlenv("models", *words, env=environ)
        assert done.returncode == code, done.stdout
        document: dict[str, object] = json.loads(done.stdout)
        return document

    [error] = pull(1)["errors"]  # type: ignore[misc]
    assert error["code"] == "model-incomplete"
    assert f"{mine} holds no config.json" in error["message"]
    (mine / "config.json").write_text("{}")
    (mine / "vocabulary.json").write_text("[]")
    [row] = pull(0)["data"]["models"]  # type: ignore[index]
    assert (row["state"], row["source"], row["path"]) == ("here", "folder", str(mine))
    spoil(mine / "model.bin")
    [error] = pull(1)["errors"]  # type: ignore[misc]
    assert error["code"] == "hash-mismatch"
    assert "`mlenv models remove owner/finetuned` forgets what it was" in error["message"]
    mine.rename(tmp_path / "away")
    [error] = pull(1)["errors"]  # type: ignore[misc]
    assert error["code"] == "model-missing"
    assert f"It was {mine}, as at its first use." in error["message"]
    (tmp_path / "away").rename(mine)
    done = mlenv("models", "remove", "owner/finetuned", env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("forgot owner/finetuned: ")
    assert pull(0)["data"]["models"][0]["state"] == "here"  # type: ignore[index]


def test_verify_takes_whisper_models_that_are_known_by_their_hash(
    mlenv,  # type: ignore[no-untyped-def]
    environ: dict[str, str],
) -> None:
    manifest = Path(environ["MLENV_MODELS_MANIFEST"])
    speakers = manifest.read_text().partition("\n")[2].replace("models.small", "models.speakers")
    with manifest.open("a") as stream:
        stream.write(speakers.replace('"whisper"', '"embedding"'))
    for name, code, said in (
        ("speakers", "model-unknown", "speakers is no Whisper model (Two utterances)."),
        ("owner/new", "model-missing", "The model owner/new (owner/new on the model hub) has not"),
        ("smal", "model-unknown", "There is no model `smal`."),
    ):
        done = mlenv("verify", "--venv", NO_VENV, "--model", name, "--json", env=environ)
        assert done.returncode == 1, done.stderr
        [error] = json.loads(done.stdout)["errors"]
        assert error["code"] == code
        assert error["message"].startswith(said)


def test_a_store_that_cannot_be_written(environ: dict[str, str], model: models.Model) -> None:
    environ["MLENV_CACHE_DIR"] = "/proc/mlenv"
    with pytest.raises(MlenvError) as caught:
        fetch.pull(model, NO_VENV, environ=environ, progress=Silent())
    assert caught.value.code == "not-writable"


def test_a_broken_manifest_is_named(environ: dict[str, str]) -> None:
    Path(environ["MLENV_MODELS_MANIFEST"]).write_text("[models\n")
    with pytest.raises(MlenvError) as caught:
        models.manifest(environ)
    assert environ["MLENV_MODELS_MANIFEST"] in caught.value.message


def test_commands(mlenv, environ: dict[str, str], mirror: type[Mirror]) -> None:  # type: ignore[no-untyped-def]
    def data(*words: str, code: int = 0) -> dict[str, object]:
        done = mlenv("models", *words, "--json", env=environ)
        assert done.returncode == code, done.stderr
        document = json.loads(done.stdout)
        assert (document["command"], document["exit_code"]) == ("models", code)
        return document

    store = Path(environ["MLENV_CACHE_DIR"]) / "models" / "small"
    row = data()["data"]["models"][0]  # type: ignore[index]
    assert (row["name"], row["state"], row["path"]) == ("small", "missing", None)
    missing = data("where", "small", code=1)["errors"]
    assert [error["code"] for error in missing] == ["model-missing"]  # type: ignore[attr-defined]
    assert data("pull", "small")["data"]["models"][0]["state"] == "here"  # type: ignore[index]
    assert data("where", "small")["data"] == {
        "name": "small",
        "path": str(store),
        "source": "store",
        "sha256_ok": True,
    }
    (store / FILES[0]).write_bytes(b"wrong")
    assert data("verify", code=1)["errors"][0]["code"] == "hash-mismatch"  # type: ignore[index]
    removed = data("remove", "small")["data"]["removed"]  # type: ignore[index]
    assert removed["small"] > 0
    assert data("remove", "small", code=1)["errors"][0]["code"] == "model-missing"  # type: ignore[index]
    assert data("where", "nope", code=1)["errors"][0]["code"] == "model-unknown"  # type: ignore[index]


def test_progress_says_what_failed_and_what_delivered(
    environ: dict[str, str], model: models.Model, mirror: type[Mirror], tmp_path: Path
) -> None:
    said: list[str] = []

    class Kept(Silent):
        def step(self, text: str) -> None:
            said.append(text)

        def end(self) -> None:
            said.append("done")

        def failed(self, reason: str) -> None:
            said.append(f"failed: {reason}")

    gated = replace(model, hub=models.Hub(repo="owner/name", revision="c0ffee", gated=True))
    nowhere = tmp_path / "ml"
    found = fetch.pull(gated, nowhere, environ=environ, progress=Kept())
    assert found.source == "store"
    first, failed, second, last = said
    assert first.startswith("small from the hub, ")
    assert failed == f"failed: {nowhere} does not exist"  # so there is no client for the hub
    assert second.startswith("small from the mirror, ")
    assert last == "done"


def test_an_unreadable_folder_is_named(
    environ: dict[str, str], model: models.Model, tmp_path: Path
) -> None:
    loop = tmp_path / "mine" / "small"
    loop.mkdir(parents=True)
    for name in FILES:  # permissions do not stop root, a link to itself stops everybody
        (loop / name).symlink_to(name)
    environ["MLENV_MODELS"] = str(tmp_path / "mine")
    with pytest.raises(MlenvError) as caught:
        models.find(model, environ)
    assert str(loop / FILES[0]) in caught.value.message


def test_a_name_that_is_nearly_right(environ: dict[str, str]) -> None:
    environ.pop("MLENV_MODELS_MANIFEST")
    with pytest.raises(MlenvError) as caught:
        models.by_name("larg-v3", environ)
    assert caught.value.hint.startswith("Did you mean `large-v3`? ")


def test_a_disk_without_room_is_named_before_the_download(
    environ: dict[str, str],
    model: models.Model,
    mirror: type[Mirror],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = models.store(environ)
    store.mkdir(parents=True)
    usage = shutil.disk_usage(store)._replace(free=model.size - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(MlenvError) as caught:
        fetch.pull(model, NO_VENV, environ=environ, progress=Silent())
    size = f"{model.size / 1e6:.1f} MB"
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "disk-full-or-tmp-too-small",
        f"small needs {size} more at {store}, {size} are free.",
        "Make room there, or name another place for models with MLENV_CACHE_DIR.",
    )
    assert not (store / "small").exists()
