"""Builds of compiled packages, by their own `version.py` and libraries. Nothing is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from mlenv.doctor.facts.libraries import elf

PACKAGES = ("torch", "torchvision", "torchaudio", "torchcodec")

# Libraries of the companions that are linked against torch's own and against CUDA's runtime.
_LINKED = {"torchvision": "*.so", "torchaudio": "lib/*.so"}
_RUNTIME = re.compile(r"libcudart\b[^/]*?\.so\.(\d+)")


@dataclass(frozen=True, slots=True)
class Build:
    """A build of a compiled package.

    `version` with its local tag (`2.5.1+cu124`). `cuda`: `12.4`, or `12` where only libraries say
    it; empty for a build without CUDA. `flavour`: `cuda`, `rocm` or `cpu`, empty where unknown.
    """

    name: str
    version: str
    cuda: str = ""
    flavour: str = ""

    @property
    def release(self) -> str:
        return self.version.partition("+")[0]

    @property
    def tag(self) -> str:
        return self.version.partition("+")[2]


def read(packages: Path, *, quick: bool = False) -> tuple[Build, ...]:
    """Read the builds in this directory. `quick` leaves out what their libraries say."""
    builds = (_build(packages / name, name) for name in PACKAGES)
    return tuple(b if quick else _linked(b, packages / b.name) for b in builds if b)


def _build(folder: Path, name: str) -> Build | None:
    try:
        text = (folder / "version.py").read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None

    def value(variable: str) -> str:
        match = re.search(rf"^{variable}\b[^=\n]*=\s*['\"]([^'\"]*)", text, re.MULTILINE)
        return match[1] if match else ""

    version, cuda = value("__version__"), value("cuda")
    tag = version.partition("+")[2]
    if not cuda and (tagged := re.match(r"cu(\d+)(\d)$", tag)):
        cuda = f"{tagged[1]}.{tagged[2]}"
    if cuda:
        return Build(name, version, cuda, "cuda")
    rocm = value("hip") or tag.startswith("rocm")
    cpu = name == "torch" or tag == "cpu"
    return Build(name, version, flavour="rocm" if rocm else "cpu" if cpu else "")


def _linked(build: Build, folder: Path) -> Build:
    """The build as its libraries have it: those that a tag promises may not be those installed."""
    if build.name not in _LINKED:
        return build
    needed = {
        name for file in sorted(folder.glob(_LINKED[build.name])) for name in elf(file).needed
    }
    majors = sorted(match[1] for name in needed if (match := _RUNTIME.match(name)))
    if majors:
        cuda = build.cuda if build.cuda.partition(".")[0] in majors else majors[-1]
        return replace(build, cuda=cuda, flavour="cuda")
    return replace(build, flavour="rocm") if "libtorch_hip.so" in needed else build
