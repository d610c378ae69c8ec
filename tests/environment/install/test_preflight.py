"""The file system of an environment is looked at before anything is downloaded."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mlenv import paths
from mlenv.environment.install import preflight
from mlenv.result import MlenvError


def refusal(venv: Path) -> tuple[str, str, str]:
    with pytest.raises(MlenvError) as caught:
        preflight.location(venv)
    return caught.value.code, caught.value.message, caught.value.hint


def test_a_usual_one_is_left_as_it_was(tmp_path: Path) -> None:
    preflight.location(tmp_path / "ml")
    assert list(tmp_path.iterdir()) == []


def test_one_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))  # as vfat answers

    monkeypatch.setattr(os, "symlink", refuse)
    assert refusal(tmp_path / "ml") == (
        "no-symlinks",
        f"The file system of {tmp_path} has no symbolic links (Operation not permitted).",
        "An environment needs them: name a directory on another with --venv DIR.",
    )
    assert list(tmp_path.iterdir()) == []


def test_one_from_which_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    values = [*real[:8], real.f_flag | os.ST_NOEXEC, *real[9:]]
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
    assert refusal(tmp_path / "ml") == (
        "noexec",
        f"{tmp_path} is on a file system that is mounted noexec: nothing there can run.",
        "Name a directory on another with --venv DIR.",
    )


def test_a_home_that_sudo_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo -E`: root's files in it would lock its owner out."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SUDO_UID", str(tmp_path.stat().st_uid + 1))
    paths.refuse_sudo(tmp_path)
    if tmp_path.stat().st_uid == 0:
        os.chown(tmp_path, 54321, -1)
    monkeypatch.setenv("SUDO_UID", str(tmp_path.stat().st_uid))
    assert refusal(tmp_path / "ml") == (
        "foreign-home",
        f"This is root by sudo, and {tmp_path} is a place of user {tmp_path.stat().st_uid}, who "
        "could not change root's files there.",
        "Run it without sudo, or with `sudo -H` and --venv DIR of root's own.",
    )
