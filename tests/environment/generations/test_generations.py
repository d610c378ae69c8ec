"""Generations on disk: built whole or not at all, switched in one step, nothing lost."""

from __future__ import annotations

import ctypes
import json
import os
import tempfile
import threading
from pathlib import Path

import pytest

from mlenv import files
from mlenv.environment import generations
from mlenv.environment.generations import activation, creation
from mlenv.environment.lockfile.locks import Lock
from mlenv.environment.lockfile.profiles import load
from mlenv.progress import Silent
from mlenv.result import MlenvError


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    return tmp_path / "envs" / "ml"


@pytest.fixture
def lock(tmp_path: Path) -> Lock:
    path = tmp_path / "lock.txt"
    path.write_text("")
    return Lock(path, "", "", "", ())


def fill(path: Path) -> None:
    """The least that is a venv: what `generations` looks at."""
    (path / "bin").mkdir(parents=True)
    (path / "bin" / "python").symlink_to(os.path.realpath("/bin/sh"))
    (path / "lib/python3.11/site-packages/six-1.17.0.dist-info").mkdir(parents=True)


def built(venv: Path, lock: Lock) -> generations.Generation:
    return creation.create(venv, load("cu124"), lock, fill)


def test_what_stops_the_build_leaves_nothing(venv: Path, lock: Lock) -> None:
    def stop(path: Path) -> None:
        fill(path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        creation.create(venv, load("cu124"), lock, stop)
    assert generations.all_of(venv) == ()
    assert list((generations.store(venv) / "generations").iterdir()) == []


def test_a_directory_without_a_record_is_no_generation(venv: Path, lock: Lock) -> None:
    first = built(venv, lock)
    killed = first.path.with_name("002-cu124-killed")
    fill(killed)
    assert [g.name for g in generations.all_of(venv)] == [first.name]
    assert generations.remove_unfinished(venv) == (killed,)
    assert first.path.is_dir() and not killed.exists()


def test_switching_replaces_only_our_own_link(venv: Path, lock: Lock) -> None:
    first, second = built(venv, lock), built(venv, lock)
    assert (first.number, second.number) == (1, 2)
    assert activation.switch(venv, first.path) is None
    assert generations.active(venv) == first
    assert activation.switch(venv, second.path) is None
    assert generations.active(venv) == second
    assert sorted(p.name for p in venv.parent.iterdir()) == [".ml.mlenv", "ml"]


def test_a_link_whose_generation_is_gone_is_still_ours(venv: Path, lock: Lock) -> None:
    first = built(venv, lock)
    activation.switch(venv, first.path.with_name("000-gone"))
    assert activation.switch(venv, first.path) is None


@pytest.mark.parametrize("kind", ["directory", "symlink"])
def test_what_mlenv_did_not_make_is_kept_and_named(venv: Path, lock: Lock, kind: str) -> None:
    first = built(venv, lock)
    theirs = venv if kind == "directory" else venv.with_name("theirs")
    theirs.mkdir()
    (theirs / "notes.txt").write_text("mine")
    if kind == "symlink":
        venv.symlink_to(theirs)
    kept = activation.switch(venv, first.path)
    assert kept == venv.with_name("ml.before-mlenv")
    assert (kept / "notes.txt").read_text() == "mine"
    assert generations.active(venv) == first

    venv.unlink()
    venv.mkdir()
    assert activation.switch(venv, first.path) == venv.with_name("ml.before-mlenv-2")


def test_the_activation_is_there_at_every_moment(venv: Path, lock: Lock) -> None:
    """A reader that looks all the time never finds the environment missing or half-made."""
    first, second = built(venv, lock), built(venv, lock)
    venv.mkdir()
    (venv / generations.RECORD).write_text("{}")
    over, missing = threading.Event(), []

    def look() -> None:
        while not over.is_set():
            if not (venv / generations.RECORD).is_file():
                missing.append(1)

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(300):
        activation.switch(venv, first.path)
        activation.switch(venv, second.path)
    over.set()
    reader.join()
    assert missing == []


def test_without_renameat2_the_old_directory_is_kept_as_well(
    venv: Path, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built(venv, lock)
    venv.mkdir()
    (venv / "notes.txt").write_text("mine")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    kept = activation.switch(venv, first.path)
    assert kept is not None and (kept / "notes.txt").read_text() == "mine"
    assert generations.active(venv) == first


class Steps(Silent):
    """Keeps what would be shown."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def waiting(self, text: str) -> None:
        self.texts.append(text)


def test_one_at_a_time_and_the_second_says_whom_it_waits_for(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLENV_LOCK_TIMEOUT", "0.2")
    steps, errors = Steps(), list[MlenvError]()

    def wait() -> None:
        with pytest.raises(MlenvError) as caught, generations.locked(venv, steps):
            pass
        errors.append(caught.value)

    with generations.locked(venv), generations.locked(venv):  # the same thread may, once more
        holder = (generations.store(venv) / "busy.holder").read_text()
        second = threading.Thread(target=wait)
        second.start()
        second.join()
    assert holder.startswith(f"process {os.getpid()} (`mlenv")
    assert steps.texts == [f"Waiting up to 0.2 s for {holder}, which is changing {venv}"]
    assert errors[0].code == "busy"
    assert errors[0].message == f"After 0.2 s {holder} is still changing {venv}."


def test_the_second_goes_on_when_the_first_is_done(
    venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLENV_LOCK_TIMEOUT", "30")
    steps, done = Steps(), threading.Event()

    def wait() -> None:
        with generations.locked(venv, steps):
            done.set()

    with generations.locked(venv):
        second = threading.Thread(target=wait)
        second.start()
        while not steps.texts:
            pass
        assert not done.is_set()
    second.join()
    assert done.is_set()


RECORDS = {
    "truncated": b'{"schema": 2, "number": 1, "prof',
    "another type": b'{"number": "one", "profile": "cu124"}',
    "a field is missing": b'{"schema": 2, "number": 1}',
    "no object": b"[1, 2]",
    "not UTF-8": b"\xff\xfe",
    "empty": b"",
}


@pytest.mark.parametrize("content", RECORDS.values(), ids=RECORDS)
def test_a_damaged_record_is_named_and_stays_ours(venv: Path, lock: Lock, content: bytes) -> None:
    first, second = built(venv, lock), built(venv, lock)
    activation.switch(venv, second.path)
    (second.path / generations.RECORD).write_bytes(content)
    with pytest.raises(MlenvError) as caught:
        generations.active(venv)
    assert caught.value.code == "bad-record"
    assert str(second.path / generations.RECORD) in caught.value.message
    assert generations.all_of(venv) == (first,)
    assert [error.message for error in generations.unreadable(venv)] == [caught.value.message]
    assert activation.is_activation(venv)
    assert generations.remove_unfinished(venv) == ()


def test_a_record_of_a_later_mlenv(venv: Path, lock: Lock) -> None:
    """Unknown fields are ignored; another schema is refused in words."""
    first = built(venv, lock)
    file = first.path / generations.RECORD
    fields = json.loads(file.read_text())
    file.write_text(json.dumps({**fields, "channel": "nightly"}))
    assert generations.read(first.path) == first
    file.write_text(json.dumps({**fields, "schema": 99}))
    with pytest.raises(MlenvError, match="written by a later version of mlenv") as caught:
        generations.read(first.path)
    assert caught.value.hint == "Update mlenv."


def test_a_record_of_the_first_version_is_read(venv: Path, lock: Lock) -> None:
    first = built(venv, lock)
    file = first.path / generations.RECORD
    fields = json.loads(file.read_text())
    assert fields.pop("schema") == generations.SCHEMA
    file.write_text(json.dumps(fields))
    assert generations.read(first.path) == first


def test_drift_sees_that_libraries_are_gone(venv: Path, lock: Lock) -> None:
    def with_cudnn(path: Path) -> None:
        fill(path)
        folder = path / "lib/python3.11/site-packages/nvidia/cudnn/lib"
        folder.mkdir(parents=True)
        (folder / "libcudnn.so.9").touch()

    made = creation.create(venv, load("cu124"), lock, with_cudnn)
    assert made.drift() == ()
    (made.path / "lib/python3.11/site-packages/nvidia/cudnn").rename(venv.parent / "elsewhere")
    assert made.drift() == ("nvidia/cudnn/lib has 0 files, not 1",)


def test_drift_names_the_distribution(venv: Path, lock: Lock) -> None:
    first = built(venv, lock)
    packages = first.path / "lib/python3.11/site-packages"
    assert first.drift() == ()
    (packages / "six-1.17.0.dist-info").rename(packages / "six-1.18.0.dist-info")
    assert first.drift() == ("six-1.17.0 is missing", "six-1.18.0 was added")
    (first.path / "bin" / "python").unlink()
    assert first.drift() == (f"its interpreter is gone ({first.path / 'bin' / 'python'})",)


def test_drift_sees_another_python(venv: Path, lock: Lock, tmp_path: Path) -> None:
    first = built(venv, lock)
    python, other = first.path / "bin/python", tmp_path / "python3.12"
    other.touch()
    python.unlink()
    python.symlink_to(other)
    assert first.drift() == (
        f"its interpreter is Python 3.12 ({other}), its packages are in lib/python3.11",
    )
    other.rename(tmp_path / "python3.11")
    python.unlink()
    python.symlink_to(tmp_path / "python3.11")
    assert first.drift() == ()


def test_what_killed_commands_left_goes_with_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with one that finds nothing to do and needs no temporary directory itself."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "somebody-else").mkdir()
    with files.temporary_directory() as held:
        (tmp_path / "mlenv-run-killed" / "user").mkdir(parents=True)
        with generations.locked(tmp_path / "envs" / "ml"):
            left = {path.name for path in tmp_path.iterdir()}
    assert left == {Path(held).name, "somebody-else", "envs"}
