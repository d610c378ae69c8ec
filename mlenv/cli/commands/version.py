"""`mlenv version`: every version that a bug report needs, and nothing about who and where."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from msgspec import Struct

from mlenv import __version__
from mlenv.cli.table import command, venv_option
from mlenv.environment import generations
from mlenv.environment.generations import contents
from mlenv.environment.lockfile import profiles
from mlenv.machine import driver, system
from mlenv.result import MlenvError, Result
from mlenv.speech import models
from mlenv.speech.models import pinned

# Distributions that decide, in the order in which they are shown; `nvidia-` stands for all such.
OF_INTEREST = (
    "torch", "torchaudio", "torchvision", "torchcodec", "triton", "ctranslate2", "faster_whisper",
    "pyannote_audio", "whisperx", "openai_whisper", "transformers", "huggingface_hub", "tokenizers",
    "onnxruntime", "onnxruntime_gpu", "av", "soundfile", "numpy",
)  # fmt: skip
NVIDIA = re.compile(r"nvidia_(cudnn|cublas|cuda_runtime)_cu\d+|nvidia_(cudnn|cublas|cuda_runtime)")
FFMPEG = re.compile(r"lib(avcodec|avformat|swresample)-[^.]+\.so\.(\d+\.\d+\.\d+)")


class ModelVersion(Struct, frozen=True, kw_only=True):
    """A model on this machine. `revision`: on the hub; None where it was not taken from there."""

    name: str
    revision: str | None
    sha256_ok: bool


class Versions(Struct, frozen=True, kw_only=True):
    """The document of `mlenv version`. No field names a person, a host or a directory.

    `python`: that of the environment; `own_python`: that which runs mlenv. `ffmpeg`: libraries
    that PyAV brings.
    """

    mlenv: str
    own_python: str
    system: str
    glibc: str
    driver: str
    gpus: tuple[str, ...]
    profile: str | None
    python: str | None
    packages: dict[str, str]
    ffmpeg: dict[str, str]
    models: tuple[ModelVersion, ...]


@command("version", "mlenv version\nmlenv --version --verbose")
@venv_option
def cli(venv: Path) -> Result[Versions]:
    """Show every version that a bug report needs: libraries, Python, driver, models.

    Nothing of it names a person, a directory or a host.
    """
    answer = driver.ask(os.environ)
    root = Path("/")
    parts = (each.rpartition("-") for each in contents.distributions(venv))
    named = {re.sub(r"[.-]", "_", name).lower(): version for name, _, version in parts}
    packages = {n: v for n, v in named.items() if n in OF_INTEREST or NVIDIA.fullmatch(n)}
    record = Versions(
        mlenv=__version__,
        own_python=platform.python_version(),
        system=" ".join(filter(None, [system.distribution(root), platform.machine(), _place()])),
        glibc=system.glibc_version(),
        driver=answer.driver or driver.kernel_version(root),
        gpus=tuple(gpu.name for gpu in answer.gpus),
        profile=_profile(venv),
        python=_python(venv),
        packages=dict(sorted(packages.items(), key=_rank)),
        ffmpeg=_ffmpeg(venv),
        models=_models(),
    )
    return Result("version", record)


def _rank(item: tuple[str, str]) -> tuple[int, str]:
    name = item[0]
    return (OF_INTEREST.index(name) if name in OF_INTEREST else len(OF_INTEREST), name)


def _place() -> str:
    """WSL or the container that this runs in."""
    machine = system.finish(None, os.environ, Path("/"))
    kinds = [*(["WSL"] if machine.wsl else []), *([machine.container] if machine.container else [])]
    return f"({', '.join(kinds)})" if kinds else ""


def _profile(venv: Path) -> str | None:
    """The profile by its name, unless the user has given it one."""
    try:
        active = generations.active(venv)
    except MlenvError:
        return None
    if active is None:
        return None
    known = profiles.ships(active.profile.removesuffix("-own"))
    return active.profile if known else "a profile of its own"


def _python(venv: Path) -> str | None:
    try:
        text = (venv / "pyvenv.cfg").read_text("utf-8", "replace")
    except OSError:
        return None
    match = re.search(r"^version(?:_info)? *= *(\S+)", text, re.MULTILINE)
    return match[1] if match else None


def _ffmpeg(venv: Path) -> dict[str, str]:
    files = venv.glob("lib/python3*/site-packages/av.libs/*")
    matches = filter(None, (FFMPEG.fullmatch(file.name) for file in files))
    return dict(sorted((f"lib{match[1]}", match[2]) for match in matches))


def _models() -> tuple[ModelVersion, ...]:
    found = []
    for name, model in pinned.known().items():
        copy, _ = models.look(model)
        if copy:
            revision = model.hub.revision if model.hub else None
            public = name if models.hub_name(name) or name in models.manifest() else "another"
            public = public if "/" not in public else "another"
            found.append(ModelVersion(name=public, revision=revision, sha256_ok=copy.sha256_ok))
    return tuple(found)
