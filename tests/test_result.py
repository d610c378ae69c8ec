"""What is a secret by its form or its place, and what only looks like one."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mlenv import files
from mlenv.result import redacted


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("http://anna:pw@proxy:3128/x", "http://***@proxy:3128/x"),
        ("http://an%40na:p@ss:w@proxy", "http://***@proxy"),
        ("at https://token@index/simple, and", "at https://***@index/simple, and"),
        ("https://s3/x?sig=a&id=b refused", "https://s3/x?*** refused"),
        (f"a token hf_{'a' * 34}.", "a token ***."),
        ("Authorization: Bearer abc.d-e", "Authorization: Bearer ***"),
        ("HF_TOKEN=abc python x.py", "HF_TOKEN=*** python x.py"),
    ],
)
def test_secrets(text: str, rest: str) -> None:
    assert redacted(text) == rest


@pytest.mark.parametrize(
    "text",
    [
        "torch @ https://download.example/torch.whl",
        "git+https://host/user/repo@main",
        "hf_hub_download(repo_id='x') got max_new_tokens=448",
        "what is it? a=b",
        "Basic checks passed; Bearer",
    ],
)
def test_what_is_none(text: str) -> None:
    assert redacted(text) == text


def test_a_directory_that_is_swept_as_soon_as_it_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another process does so between our making it and our lock."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others' directories are none of it
    real, swept = os.open, []

    def swept_once(path: str, flags: int) -> int:
        if not swept:
            swept.append(path)
            Path(path).rmdir()
        return real(path, flags)

    monkeypatch.setattr(os, "open", swept_once)
    with files.temporary_directory() as folder:
        assert Path(folder).is_dir() and [folder] != swept


def test_a_python_that_does_not_load_its_own_library(tmp_path: Path) -> None:
    """As with a broken libz.so.1 on LD_LIBRARY_PATH: some Pythons load theirs from there."""
    line = f"{tmp_path}/libz.so.1: file too short"
    (tmp_path / "base64.py").write_text(f"raise ImportError({line!r})\n")
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    environ["LD_LIBRARY_PATH"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "mlenv", "gc"], env=environ, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: mlenv's own Python does not work: {line}.\n"
        f"Call it without LD_LIBRARY_PATH={tmp_path}: `env -u LD_LIBRARY_PATH mlenv ..`.\n"
    )
