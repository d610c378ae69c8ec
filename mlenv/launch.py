"""The launch environment: the variables with which a process loads the right libraries.

This is the only module that builds one. `exec`, `env`, the shims and the doctor's probes all
take it from here, so that what is diagnosed is what is run.

cuDNN and cuBLAS lie in wheels of their own (`site-packages/nvidia/*/lib`). CTranslate2 and
cuDNN open them by name, and the loader searches for names only where `LD_LIBRARY_PATH` said
at the start of the process (ld.so(8)). It is read once: setting it later changes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlenv.result import MlenvError

LIBRARY_PATH = "LD_LIBRARY_PATH"

# Wheel directories below site-packages/nvidia whose libraries are opened by bare name, in
# search order. cuDNN's parts open each other, cuBLASLt and NVRTC; CTranslate2 opens cuBLAS.
OPENED_BY_NAME = ("cudnn", "cublas", "cuda_nvrtc")


@dataclass(frozen=True, slots=True)
class LaunchEnvironment:
    """How to start a process of one environment.

    `variables` are those that differ from the caller's; `removed` must not be passed on.
    """

    venv: Path
    python: Path
    variables: Mapping[str, str]
    removed: tuple[str, ...] = ("PYTHONHOME",)

    def applied_to(self, base: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of the new process, started from `base`."""
        kept = {name: value for name, value in base.items() if name not in self.removed}
        return {**kept, **self.variables}


def site_packages(venv: Path) -> Path:
    """`lib/python3.*/site-packages` of a venv; raises `MlenvError` if it is none."""
    found = sorted(venv.glob("lib/python3*/site-packages"))
    if not (venv / "pyvenv.cfg").is_file() or not found:
        what = "is not a virtual environment" if venv.exists() else "does not exist"
        raise MlenvError(
            "no-environment",
            f"{venv} {what}.",
            "Run `mlenv install` to build one, or name another with --venv DIR.",
        )
    return found[-1]


def library_directories(packages: Path) -> tuple[Path, ...]:
    """The wheel directories that must be on the loader's path, in search order."""
    if sys.platform != "linux":
        return ()
    candidates = (packages / "nvidia" / name / "lib" for name in OPENED_BY_NAME)
    return tuple(directory for directory in candidates if directory.is_dir())


def joined(first: Sequence[Path], inherited: str | None) -> str:
    """A search path: `first`, then what was there, each once, never an empty element.

    An empty element would put the current directory on the loader's path.
    """
    elements = [*map(str, first), *(inherited or "").split(":")]
    return ":".join(dict.fromkeys(element for element in elements if element))


def build(venv: Path, base: Mapping[str, str] = os.environ) -> LaunchEnvironment:
    """The launch environment of `venv` for a process started from `base`."""
    return for_interpreter(venv, venv / "bin" / "python", site_packages(venv), base)


def for_interpreter(
    prefix: Path, python: Path, packages: Path, base: Mapping[str, str]
) -> LaunchEnvironment:
    """The same for any interpreter, also one that mlenv did not build (conda, the system's).

    `prefix` is its `sys.prefix`, `packages` its site-packages.
    """
    variables = {"PATH": joined((python.parent,), base.get("PATH", os.defpath))}
    if (prefix / "pyvenv.cfg").is_file():
        variables = {"VIRTUAL_ENV": str(prefix), **variables}
    if path := joined(library_directories(packages), base.get(LIBRARY_PATH)):
        variables[LIBRARY_PATH] = path
    return LaunchEnvironment(prefix, python, variables)


# What an activated environment or a surrounding `uv run` leaves in the variables of its children.
_TRACES = (
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "PYTHONHOME",
    "PYTHONPATH",
    "UV_PROJECT",
    "UV_PYTHON",
)


def for_tools(base: Mapping[str, str], **settings: str) -> dict[str, str]:
    """The environment of a tool (uv) that must not take the caller's venv for its own."""
    return {name: value for name, value in base.items() if name not in _TRACES} | settings
