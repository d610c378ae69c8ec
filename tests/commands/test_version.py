"""`mlenv version`: what belongs into a bug report, and nothing that names somebody."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from mlenv import __version__
from tests.support.launching import MakeVenv
from tests.support.running import Run


def test_all_versions_in_one_text_without_names(mlenv: Run, hollow: MakeVenv, home: Path) -> None:
    venv = hollow(home / "ml of somebody")
    packages = next(venv.glob("lib/python3*/site-packages"))
    for name in (
        "torch-2.5.1+cu124",
        "pyannote.audio-4.0.7",
        "nvidia_cudnn_cu12-9.1.0.70",
        "other-1",
    ):
        (packages / f"{name}.dist-info").mkdir()
    (packages / "av.libs").mkdir()
    (packages / "av.libs" / "libavcodec-49be5967.so.62.11.100").touch()
    token = {"HF_TOKEN": "hf_" + "a" * 30, "MLENV_VENV": str(venv)}
    done = mlenv("--version", "--verbose", env=token)
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        f"mlenv       {__version__} (Python {platform.python_version()})",
        "packages    torch 2.5.1+cu124",
        "            pyannote_audio 4.0.7",
        "            nvidia_cudnn_cu12 9.1.0.70",
        "FFmpeg      libavcodec 62.11.100",
    ):
        assert line in done.stdout.splitlines()
    assert "driver      " in done.stdout and "other" not in done.stdout
    document = mlenv("version", "--json", env=token).stdout
    assert json.loads(document)["data"]["ffmpeg"] == {"libavcodec": "62.11.100"}
    for name in (str(home), "somebody", platform.node(), os.environ.get("USER", "hf_a"), "hf_a"):
        if name not in ("root", ""):
            assert name not in done.stdout + document


def test_without_an_environment(mlenv: Run) -> None:
    done = mlenv("version")
    assert done.returncode == 0
    assert "environment none (`mlenv install` builds one)" in done.stdout
