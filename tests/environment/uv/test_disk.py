"""uv is ended before a disk is full, and what a killed uv had begun to unpack goes."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

import pytest

from mlenv.environment.uv import disk
from mlenv.environment.uv.failures import nearly_full


def test_a_process_that_leaves_too_little_free_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10_000_000_000, 9_000_000_000, *[90_000_000] * 99])
    monkeypatch.setattr(disk, "_free", lambda _: next(free))
    watch = disk.Watch(tmp_path / "not/there/yet")
    with subprocess.Popen(["sleep", "60"], text=True) as process, watch.over(process):
        assert process.wait(10) == -15
    assert watch.full == tmp_path


def test_a_small_disk_may_be_filled_to_a_tenth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([300_000_000, *[30_000_001] * 999])
    monkeypatch.setattr(disk, "_free", lambda _: next(free))
    watch = disk.Watch(tmp_path)
    with subprocess.Popen(["sleep", "0.2"], text=True) as process, watch.over(process):
        assert process.wait(10) == 0
    assert watch.full is None


def test_the_words_name_the_directory_and_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 95_000_000}))
    assert nearly_full(tmp_path).message == (
        f"{tmp_path} has 95 MB left: unpacking was stopped before it is full."
    )


def test_half_unpacked_wheels_go_unless_a_uv_runs(tmp_path: Path) -> None:
    (tmp_path / "archive-v0/whole").mkdir(parents=True)
    half = [tmp_path / ".tmpAb12", tmp_path / "builds-v0/.tmpCd34"]
    for folder in half:
        folder.mkdir(parents=True)
        (folder / "zeros").touch()
    disk.sweep(tmp_path)  # no lock: no cache of uv's
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        disk.sweep(tmp_path)
        assert all(folder.is_dir() for folder in half)
    disk.sweep(tmp_path)
    assert not any(folder.exists() for folder in half)
    assert (tmp_path / "archive-v0/whole").is_dir()
