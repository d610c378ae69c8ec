"""Windows paths, typed under WSL."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.machine import wsl


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("C:\\Users\\Ann\\talk 1.wav", "/mnt/c/Users/Ann/talk 1.wav"),
        ("d:/rec/a.wav", "/mnt/d/rec/a.wav"),
        ("C:\\rec\\*.wav", "/mnt/c/rec/*.wav"),
        ("\\\\wsl$\\Ubuntu\\home\\ann\\a.wav", "/home/ann/a.wav"),
        ("\\\\wsl.localhost\\Ubuntu-22.04\\tmp\\a.wav", "/tmp/a.wav"),
        ("C:a.wav", None),
        ("talk.wav", None),
        ("\\\\server\\share\\a.wav", None),
        ("12:30 talk.wav", None),
    ],
)
def test_paths(tmp_path: Path, word: str, path: str | None) -> None:
    expected = path and tmp_path / path.lstrip("/")
    assert wsl.from_windows(word, tmp_path) == expected


def test_a_drive_that_is_not_there(tmp_path: Path) -> None:
    assert wsl.from_windows("C:\\a.wav", tmp_path, mounted=True) is None
    (tmp_path / "mnt/c").mkdir(parents=True)
    assert wsl.from_windows("C:\\a.wav", tmp_path, mounted=True) == tmp_path / "mnt/c/a.wav"


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ("[automount]\nroot = /\n", "c/a.wav"),
        ("[automount]\nroot=/win/\noptions=metadata\n", "win/c/a.wav"),
        ("[boot]\nsystemd=true\n", "mnt/c/a.wav"),
        ("no settings", "mnt/c/a.wav"),
    ],
)
def test_drives_that_are_mounted_elsewhere(tmp_path: Path, settings: str, path: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/wsl.conf").write_text(settings)
    assert wsl.from_windows("C:\\a.wav", tmp_path) == tmp_path / path
