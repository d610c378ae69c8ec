"""The launch environment: the variables with which a process loads the right libraries.

This is the only module that builds one. `exec`, `env`, the shims and the doctor's probes all
take it from here, so that what is diagnosed is what is run.

cuDNN and cuBLAS lie in wheels of their own (`site-packages/nvidia/*/lib`). CTranslate2 and
cuDNN open them by name, and the loader searches for names only where `LD_LIBRARY_PATH` said
at the start of the process (ld.so(8)). It is read once: setting it later changes nothing.

A directory of the user's that holds a library which the environment's NVIDIA wheels bring is left
out. Coming first is not enough: cuDNN asks for `libcudnn_ops.so.9.1.0` before `libcudnn_ops.so.9`,
and the wheels have only the second name. And the wheels name each other's directories (cuSPARSE
that of nvJitLink) in their RUNPATH, which the loader reads after `LD_LIBRARY_PATH`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mlenv.result import MlenvError

LIBRARY_PATH = "LD_LIBRARY_PATH"

# Wheel directories below site-packages/nvidia whose libraries are opened by bare name, in
# search order. cuDNN's parts open each other, cuBLASLt and NVRTC; CTranslate2 opens cuBLAS.
OPENED_BY_NAME = ("cudnn", "cublas", "cuda_nvrtc")

# Where WSL keeps the driver's libraries (libcuda.so.1), not always known to the loader's cache.
WSL_LIBRARIES = Path("/usr/lib/wsl/lib")


class LaunchEnvironment(NamedTuple):
    """The variables with which a process of one environment is started.

    `variables` are those that differ from the caller's; `removed` must not be passed on;
    `left_out` are the caller's library directories that would shadow the environment's.
    """

    venv: Path
    python: Path
    variables: Mapping[str, str]
    removed: tuple[str, ...] = ("PYTHONHOME",)
    left_out: tuple[str, ...] = ()

    def applied_to(self, base: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of the new process, started from `base`."""
        inherited_variables = {
            name: value for name, value in base.items() if name not in self.removed
        }
        return {**inherited_variables, **self.variables}


def site_packages(venv: Path) -> Path:
    """`lib/python3.*/site-packages` of a venv; raises `MlenvError` if it is none."""
    candidates = sorted(venv.glob("lib/python3*/site-packages"))
    if not (venv / "pyvenv.cfg").is_file() or not candidates:
        what = "is not a virtual environment" if venv.exists() else "does not exist"
        raise MlenvError(
            "no-environment",
            f"{venv} {what}.",
            "Run `mlenv install` to build one, or name another with --venv DIR.",
        )
    return candidates[-1]


def library_directories(packages: Path) -> tuple[Path, ...]:
    """The wheel directories that must be on the loader's path, in search order."""
    if sys.platform != "linux":
        return ()
    candidates = (packages / "nvidia" / name / "lib" for name in OPENED_BY_NAME)
    return tuple(each for each in candidates if os.path.isdir(each))  # noqa: PTH112 (never raises)


class LibraryPath(NamedTuple):
    """The loader's path of an environment, before it is joined with the caller's.

    `first` stands before the caller's directories, `last` behind them. A caller's directory
    that holds a file named as in `shadowing` is left out; below `wheels` lie the environment's.
    """

    first: tuple[Path, ...] = ()
    last: tuple[Path, ...] = ()
    shadowing: tuple[str, ...] = ()
    wheels: Path | None = None

    def value(self, inherited: str | None) -> str:
        """The loader's path for a caller that has `inherited`; never an empty element.

        An empty element would put the current directory on the loader's path.
        """
        elements = [element for element in _elements(inherited) if not self._shadows(element)]
        return joined((*self.first, *elements, *self.last))

    def left_out(self, inherited: str | None) -> tuple[str, ...]:
        """The caller's directories that would shadow the environment's libraries."""
        return tuple(e for e in _elements(inherited) if self._shadows(e) and not self._is_own(e))

    def moved(self, old: Path, new: Path) -> LibraryPath:
        """The rule for an environment that is reached by another path."""
        first = tuple(new / directory.relative_to(old) for directory in self.first)
        return self._replace(first=first)

    def _shadows(self, element: str) -> bool:
        return any(os.path.exists(f"{element}/{name}") for name in self.shadowing)  # noqa: PTH110

    def _is_own(self, element: str) -> bool:
        """Tell if the directory is one of the environment's wheels, by whatever path."""
        if self.wheels is None:
            return False
        own = os.path.realpath(self.wheels)
        return os.path.realpath(element).startswith(f"{own}/")


def library_path(packages: Path) -> LibraryPath:
    """The rule for the environment with these site-packages.

    Raises `MlenvError` for a path that the loader can't be told.
    """
    first = library_directories(packages)
    for directory in first:
        check_expressible(directory)
    wheels = packages / "nvidia"
    return LibraryPath(first, _wsl(), _libraries(wheels), wheels)


def _libraries(wheels: Path) -> tuple[str, ...]:
    """The libraries that NVIDIA's wheels bring, all of them: `*/lib/lib*.so.*`, sorted.

    Every start of a program waits for this, so it reads directories and nothing else.
    """
    names: set[str] = set()
    for wheel in _listed(str(wheels)):
        files = _listed(f"{wheels}/{wheel}/lib")
        names.update(name for name in files if name.startswith("lib") and ".so." in name)
    return tuple(sorted(names))


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 (names are all that is wanted)
    except OSError:
        return []


def check_expressible(path: Path) -> None:
    """Raise `MlenvError` for a path that can't stand on the loader's path."""
    if _INEXPRESSIBLE.search(str(path)):
        raise MlenvError(
            "path-not-expressible",
            f"{path} can't stand on {LIBRARY_PATH}: the loader reads `:`, `;`, $ORIGIN, "
            "$LIB and $PLATFORM in it as something else.",
            "Put the environment into another directory.",
        )


# Separators and dynamic string tokens of LD_LIBRARY_PATH (ld.so(8)).
_INEXPRESSIBLE = re.compile(r"[:;]|\$(ORIGIN|LIB|PLATFORM)\b|\$\{(ORIGIN|LIB|PLATFORM)\}")


def _wsl() -> tuple[Path, ...]:
    is_wsl = "microsoft" in os.uname().release.lower()
    return (WSL_LIBRARIES,) if is_wsl and WSL_LIBRARIES.is_dir() else ()


def _elements(inherited: str | None) -> list[str]:
    """The loader splits at `:` and at `;`."""
    return [element for element in re.split("[:;]", inherited or "") if element]


def joined(elements: Sequence[str | Path]) -> str:
    """A search path of `elements`, each once, never an empty one."""
    return ":".join(dict.fromkeys(str(element) for element in elements if str(element)))


def build(venv: Path, base: Mapping[str, str] = os.environ) -> LaunchEnvironment:
    """The launch environment of `venv` for a process started from `base`."""
    return for_interpreter(venv, venv / "bin" / "python", site_packages(venv), base)


def for_interpreter(
    prefix: Path, python: Path, packages: Path, base: Mapping[str, str]
) -> LaunchEnvironment:
    """Build the launch environment of any interpreter, also of conda or the system.

    `prefix` is its `sys.prefix`, `packages` its site-packages.
    """
    path = base.get("PATH", os.defpath).split(":")
    variables = {"PATH": joined((python.parent, *path))}
    if (prefix / "pyvenv.cfg").is_file():
        variables = {"VIRTUAL_ENV": str(prefix), **variables}
    libraries, inherited = library_path(packages), base.get(LIBRARY_PATH)
    removed = ["PYTHONHOME"]
    if value := libraries.value(inherited):
        variables[LIBRARY_PATH] = value
    elif inherited is not None:
        removed.append(LIBRARY_PATH)  # nothing but empty elements
    return LaunchEnvironment(
        prefix, python, variables, tuple(removed), libraries.left_out(inherited)
    )


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
