"""Bundles from a stranger: nothing is written outside, nothing of a changed file is used."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlenv.environment.install import whole
from mlenv.environment.lockfile import locks
from tests.support.index import Index, wheel
from tests.support.running import Run

NAME = "tensors-2.5.1-py3-none-any.whl"


@pytest.fixture
def alone(home: Path) -> dict[str, str]:
    """No package index, an empty cache."""
    nowhere = {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    return {**nowhere, "UV_CACHE_DIR": str(home / "empty-cache")}


@pytest.fixture
def bundle(mlenv: Run, locked: Path, network: dict[str, str], home: Path) -> Path:
    """A bundle with a model that only its first use has named."""
    mine = home / "mine/owner/finetuned"
    mine.mkdir(parents=True)
    for name in ("model.bin", "config.json", "vocabulary.txt"):
        (mine / name).write_text(name)
    env = {**network, "MLENV_MODELS": str(home / "mine")}
    words = ("bundle", locked, "-o", home / "usb", "--model", "owner/finetuned")
    assert mlenv("models", "pull", "owner/finetuned", env=env).returncode == 0
    assert mlenv(*words, env=env).returncode == 0
    return home / "usb"


@pytest.fixture
def refused(mlenv: Run, bundle: Path, alone: dict[str, str], home: Path) -> Callable[[], str]:
    """`refused()`: the message of an installation from the bundle, which has changed nothing."""

    def state() -> dict[str, bytes]:
        places = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
        ours = [p for p in places if not p.is_relative_to(home / "empty-cache")]
        return {str(p): p.read_bytes() for p in ours if p.suffix != ".lock"}

    def run() -> str:
        cache = {"MLENV_CACHE_DIR": str(home / "deep/er/cache")}
        before = state()
        done = mlenv("install", "--from", bundle, "--no-verify", env={**alone, **cache})
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert not (home / ".venvs/ml").exists()
        assert state() == before
        return done.stderr

    return run


def manifest(bundle: Path, **changes: Any) -> None:
    path = bundle / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "name", ["../../../../victim", "/ABSOLUTE/victim", "..", ".", "", "a/../../b"]
)
def test_a_model_that_leads_out(
    bundle: Path, home: Path, refused: Callable[[], str], name: str
) -> None:
    """A record of its own makes its bytes the right ones."""
    victim = home / "victim"
    victim.mkdir()
    (victim / "precious.txt").write_text("mine")
    name = name.replace("/ABSOLUTE", str(home))
    record = bundle / "models/pinned/owner--finetuned.json"
    forged = {**json.loads(record.read_text()), "name": name}
    record.with_name(f"{name.replace('/', '--')}.json").write_text(json.dumps(forged))
    manifest(bundle, models=[name])
    assert f"names `{name}`, which leads out of the bundle" in refused()
    assert (victim / "precious.txt").read_text() == "mine"


def test_a_record_that_leads_out(bundle: Path, refused: Callable[[], str]) -> None:
    record = bundle / "models/pinned/owner--finetuned.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "name": "../../victim"}))
    assert "names `../../victim`, which leads out of the store" in refused()
    record.write_text(json.dumps({**content, "name": "tiny.en"}))
    assert "is the record of another model, tiny.en" in refused()
    content["files"][0]["name"] = "../../../x"
    record.write_text(json.dumps(content))
    assert "names `../../../x`, which leads out of the store" in refused()


@pytest.mark.parametrize("name", ["../small.whl", "/etc/passwd", "a/b.whl"])
def test_a_wheel_or_a_profile_that_leads_out(
    bundle: Path, refused: Callable[[], str], name: str
) -> None:
    manifest(bundle, files=[{"name": name, "sha256": "0" * 64}])
    assert f"names `{name}`, which leads out" in refused()
    manifest(bundle, files=[], profile=name)
    assert f"names `{name}`, which leads out" in refused()


@pytest.mark.parametrize(
    "place",
    [
        "bundle.json",
        "small.toml",
        "small.txt",
        f"wheels/{NAME}",
        "models/owner/finetuned/model.bin",
    ],
)
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_links_and_devices(bundle: Path, refused: Callable[[], str], place: str, kind: str) -> None:
    path = bundle / place
    if kind == "link":
        path.rename(bundle / "other")
        path.symlink_to(bundle / "other")
    else:
        path.unlink()
        os.mkfifo(path)
    assert f"{path} is a link or a device" in refused()


@pytest.mark.parametrize("kind", ["truncated", "padded", "swapped"])
def test_a_changed_file(bundle: Path, refused: Callable[[], str], index: Index, kind: str) -> None:
    def change(path: Path) -> None:
        content = path.read_bytes()
        other = wheel("tensors", "2.5.1", **{"extra.py": "evil = True\n"})[1]
        path.write_bytes(
            {"truncated": content[:-9], "padded": content + b"\0", "swapped": other}[kind]
        )

    path = bundle / "wheels" / NAME
    whole = path.read_bytes()
    change(path)
    assert refused() == (
        f"error: tensors==2.5.1 in the bundle at {bundle} is not the file that its lock names.\n"
        "It was damaged on its way, or changed. Nothing was changed here."
        " Copy the bundle again.\n"
    )
    path.write_bytes(whole)
    path = bundle / "models/owner/finetuned/model.bin"
    change(path)
    assert f"{path} in the bundle is not the model's: its sha256 differs" in refused()


def test_a_wheel_for_another_machine(bundle: Path, refused: Callable[[], str]) -> None:
    name = NAME.replace("py3-none-any", "cp39-cp39-win_amd64")
    (bundle / "wheels" / NAME).rename(bundle / "wheels" / name)
    files = json.loads((bundle / "bundle.json").read_text())["files"]
    manifest(bundle, files=[{**f, "name": f["name"].replace(NAME, name)} for f in files])
    assert "tensors" in refused()


def outside(name: str) -> str:
    return (
        f"error: The wheel {NAME} holds `{name}`, which leads out of the environment.\n"
        "Nothing was written there, nothing was switched. Don't use it: tell who made it.\n"
    )


def test_a_wheel_that_leads_out(
    mlenv: Run, index: Index, profile: Path, network: dict[str, str], home: Path
) -> None:
    """uv leaves such a file out and says nothing, nor does its cache remember it."""
    index.add("tensors", "2.5.1", **{"../../../../../../../../escaped.py": "evil = True\n"})
    assert mlenv("lock", profile, env=network).returncode == 0
    for words in (("install", "--no-verify"), ("install", "--no-verify"), ("bundle", "-o", "usb")):
        done = mlenv(*words, profile, env=network, cwd=home)
        assert (done.returncode, done.stderr) == (1, outside("../../../../../../../../escaped.py"))
    assert list(home.parent.rglob("escaped.py")) == []
    assert not (home / ".venvs/ml").exists()


def test_a_bundle_with_a_wheel_that_leads_out(
    bundle: Path, refused: Callable[[], str], home: Path
) -> None:
    """The stranger's own lock names it by its hash."""
    evil = wheel("tensors", "2.5.1", **{"../../escaped.py": "evil = True\n"})[1]
    path = bundle / "wheels" / NAME
    before, after = (hashlib.sha256(each).hexdigest() for each in (path.read_bytes(), evil))
    path.write_bytes(evil)
    lock = locks.parse(bundle / "small.txt", (bundle / "small.txt").read_text())
    pins = locks.parse(lock.path, lock.text.replace(before, after)).pins
    text = lock.text.replace(before, after).replace(locks.content(lock.pins), locks.content(pins))
    lock.path.write_text(text)
    listed = (bundle / "bundle.json").read_text().replace(before, after)
    (bundle / "bundle.json").write_text(listed)
    assert refused() == outside("../../escaped.py")
    assert list(home.parent.rglob("escaped.py")) == []


def test_what_is_known_here_is_not_known_better_by_a_bundle(
    bundle: Path, refused: Callable[[], str]
) -> None:
    record = bundle / "models/pinned/owner--finetuned.json"
    forged = {**json.loads(record.read_text()), "name": "tiny.en"}
    record.with_name("tiny.en.json").write_text(json.dumps(forged))
    (bundle / "models/owner/finetuned").rename(bundle / "models/tiny.en")
    manifest(bundle, models=["tiny.en"])
    assert "model.bin in the bundle is not the model's" in refused()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("tensors/__init__.py,,many", "tensors/__init__.py has 20 bytes, not many"),
        ("/dev/zero,sha256=x,0", "/dev/zero is no file"),
        ("a\0b,,", "a\0b is missing"),
        ("../../../../../../../../../nowhere,,", "nowhere is missing"),
    ],
)
def test_a_record_of_any_rows(tmp_path: Path, row: str, why: str) -> None:
    folder = tmp_path / "tensors-2.5.1.dist-info"
    (tmp_path / "tensors").mkdir()
    (tmp_path / "tensors/__init__.py").write_text("__version__ = '2.5'\n")
    folder.mkdir()
    (folder / "METADATA").write_text("Name: tensors\nVersion: 2.5.1\n")
    (folder / "RECORD").write_text(row)
    (line,) = whole._files(tmp_path, folder)
    assert line.endswith(why)
