"""Builds of compiled packages, by their own `version.py`, which is read and not imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("torch", "torchvision", "torchaudio", "torchcodec")


@dataclass(frozen=True, slots=True)
class Build:
    """A build of a compiled package.

    `version` with its local tag (`2.5.1+cu124`). `cuda`: `12.4`, empty for a build without CUDA;
    `hip` likewise for ROCm. `flavour`: `cuda`, `rocm` or `cpu`, empty where unknown.
    """

    name: str
    version: str
    cuda: str = ""
    hip: str = ""
    flavour: str = ""

    @property
    def release(self) -> str:
        return self.version.partition("+")[0]

    @property
    def tag(self) -> str:
        return self.version.partition("+")[2]


def read(packages: Path) -> tuple[Build, ...]:
    return tuple(build for name in PACKAGES if (build := _build(packages / name, name)))


def _build(folder: Path, name: str) -> Build | None:
    try:
        text = (folder / "version.py").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None

    def value(variable: str) -> str:
        match = re.search(rf"^{variable}\b[^=\n]*=\s*['\"]([^'\"]*)", text, re.MULTILINE)
        return match[1] if match else ""

    version, cuda, hip = value("__version__"), value("cuda"), value("hip")
    tag = version.partition("+")[2]
    if not cuda and (tagged := re.match(r"cu(\d+)(\d)$", tag)):
        cuda = f"{tagged[1]}.{tagged[2]}"
    if name == "torch":
        flavour = "cuda" if cuda else "rocm" if hip else "cpu"
    else:
        flavour = (
            "cuda" if cuda else "rocm" if tag.startswith("rocm") else tag if tag == "cpu" else ""
        )
    return Build(name, version, cuda, hip, flavour)
