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

Each start of a program waits for this module, so paths are text here, records are plain classes,
and nothing is imported that Python has not loaded already: pathlib and typing alone take longer
than all that is done.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as in `typing`, which would have to be imported
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlenv.result import MlenvError

    AnyPath = str | os.PathLike[str]

LIBRARY_PATH = "LD_LIBRARY_PATH"

# Wheel directories below site-packages/nvidia whose libraries are opened by bare name, in
# search order. cuDNN's parts open each other, cuBLASLt and NVRTC; CTranslate2 opens cuBLAS.
OPENED_BY_NAME = ("cudnn", "cublas", "cuda_nvrtc")

# Where WSL keeps the driver's libraries (libcuda.so.1), not always known to the loader's cache.
WSL_LIBRARIES = "/usr/lib/wsl/lib"


class LaunchEnvironment:
    """The variables with which a process of one environment is started.

    `variables` are those that differ from the caller's; `removed` must not be passed on;
    `left_out` are the caller's library directories that would shadow the environment's.
    """

    __slots__ = ("left_out", "python", "removed", "variables", "venv")

    def __init__(
        self,
        venv: str,
        python: str,
        variables: Mapping[str, str],
        removed: tuple[str, ...] = ("PYTHONHOME",),
        left_out: tuple[str, ...] = (),
    ) -> None:
        self.venv = venv
        self.python = python
        self.variables = variables
        self.removed = removed
        self.left_out = left_out

    def applied_to(self, base: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of the new process, started from `base`."""
        inherited_variables = {
            name: value for name, value in base.items() if name not in self.removed
        }
        return {**inherited_variables, **self.variables}


def site_packages(venv: AnyPath) -> Path:
    """`lib/python3.*/site-packages` of a venv; raises `MlenvError` if it is none."""
    from pathlib import Path

    return Path(_site_packages(os.fspath(venv)))


def _site_packages(venv: str) -> str:
    if _is_there(f"{venv}/pyvenv.cfg"):
        for name in sorted(_listed(f"{venv}/lib"), reverse=True):
            packages = f"{venv}/lib/{name}/site-packages"
            if name.startswith("python3") and _is_there(packages):
                return packages
    from mlenv import paths

    what, place = "does not exist", paths.aimed(venv)
    if _is_there(venv):  # some other folder, which an installation would move aside
        what, place = "is not a virtual environment", ""
    raise _error(
        "no-environment",
        f"{venv} {what}.",
        f"Run `mlenv install{place}` to build one, or name another with --venv DIR.",
    )


def _is_there(path: str) -> bool:
    """Tell if the path exists; raises `OSError` where that can't be told, unlike `exists`."""
    try:
        os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def raise_without_python(venv: AnyPath, python: str) -> None:
    """Raise `MlenvError` where the interpreter is gone, or out of this user's reach."""
    try:
        os.stat(python)  # noqa: PTH116
    except PermissionError as error:
        raise _error(
            "interpreter-not-permitted",
            f"{os.fspath(venv)} can't be used by user {os.getuid()}, who may not reach its Python, "
            f"{os.path.realpath(python)}.",
            "`mlenv install --venv DIR` builds another. For all users it needs a Python that all "
            "may read: `mlenv install --python /usr/bin/python3`.",
        ) from error
    except OSError as error:
        raise _error(
            "interpreter-missing",
            f"{os.fspath(venv)} has no Python any more: {python} is missing or leads nowhere.",
            "`mlenv install` builds it again.",
        ) from error


def library_directories(packages: AnyPath) -> tuple[str, ...]:
    """The wheel directories that must be on the loader's path, in search order."""
    if sys.platform != "linux":
        return ()
    candidates = (f"{os.fspath(packages)}/nvidia/{name}/lib" for name in OPENED_BY_NAME)
    return tuple(each for each in candidates if os.path.isdir(each))  # noqa: PTH112 (never raises)


class LibraryPath:
    """The loader's path of an environment, before it is joined with the caller's.

    `first` stands before the caller's directories, `last` behind them. A caller's directory
    that holds a file named as in `shadowing` is left out; below `wheels` lie the environment's.
    """

    __slots__ = ("first", "last", "shadowing", "wheels")

    def __init__(
        self,
        first: tuple[str, ...] = (),
        last: tuple[str, ...] = (),
        shadowing: tuple[str, ...] = (),
        wheels: str = "",
    ) -> None:
        self.first = first
        self.last = last
        self.shadowing = shadowing
        self.wheels = wheels

    def value(self, inherited: str | None) -> str:
        """The loader's path for a caller that has `inherited`; never an empty element.

        An empty element would put the current directory on the loader's path.
        """
        elements = [element for element in _elements(inherited) if not self._shadows(element)]
        return joined((*self.first, *elements, *self.last))

    def left_out(self, inherited: str | None) -> tuple[str, ...]:
        """The caller's directories that would shadow the environment's libraries."""
        return tuple(e for e in _elements(inherited) if self._shadows(e) and not self._is_own(e))

    def moved(self, old: AnyPath, new: AnyPath) -> LibraryPath:
        """The rule for an environment that is reached by another path."""
        first = (f"{new}{directory.removeprefix(str(old))}" for directory in self.first)
        return LibraryPath(tuple(first), self.last, self.shadowing, self.wheels)

    def _shadows(self, element: str) -> bool:
        return any(os.path.exists(f"{element}/{name}") for name in self.shadowing)  # noqa: PTH110

    def _is_own(self, element: str) -> bool:
        """Tell if the directory is one of the environment's wheels, by whatever path."""
        if not self.wheels:
            return False
        own = os.path.realpath(self.wheels)
        return os.path.realpath(element).startswith(f"{own}/")


def library_path(packages: AnyPath) -> LibraryPath:
    """The rule for the environment with these site-packages.

    Raises `MlenvError` for a path that the loader can't be told.
    """
    first = library_directories(packages)
    for directory in first:
        check_expressible(directory)
    wheels = f"{os.fspath(packages)}/nvidia"
    return LibraryPath(first, _wsl(), _libraries(wheels), wheels)


def _libraries(wheels: str) -> tuple[str, ...]:
    """The libraries that NVIDIA's wheels bring, all of them: `*/lib/lib*.so.*`, sorted.

    Every start of a program waits for this, so it reads directories and nothing else.
    """
    names: set[str] = set()
    for wheel in _listed(wheels):
        files = _listed(f"{wheels}/{wheel}/lib")
        names.update(name for name in files if name.startswith("lib") and ".so." in name)
    return tuple(sorted(names))


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)  # noqa: PTH208 (names are all that is wanted)
    except OSError:
        return []


def check_expressible(path: AnyPath) -> None:
    """Raise `MlenvError` for a path that can't stand on the loader's path."""
    if not _is_expressible(str(path)):
        raise _error(
            "path-not-expressible",
            f"{path} can't stand on {LIBRARY_PATH}: the loader reads `:`, `;`, $ORIGIN, "
            "$LIB and $PLATFORM in it as something else.",
            "Put the environment into another directory.",
        )


def _is_expressible(path: str) -> bool:
    """No separator and no dynamic string token of LD_LIBRARY_PATH (ld.so(8)) is in it."""
    if ":" in path or ";" in path:
        return False
    if "$" not in path:
        return True
    import re

    return not re.search(r"\$(ORIGIN|LIB|PLATFORM)\b|\$\{(ORIGIN|LIB|PLATFORM)\}", path)


def _wsl() -> tuple[str, ...]:
    is_wsl = "microsoft" in os.uname().release.lower()
    return (WSL_LIBRARIES,) if is_wsl and os.path.isdir(WSL_LIBRARIES) else ()  # noqa: PTH112


def _elements(inherited: str | None) -> list[str]:
    """The loader splits at `:` and at `;`."""
    return [element for element in (inherited or "").replace(";", ":").split(":") if element]


def joined(elements: Sequence[str]) -> str:
    """A search path of `elements`, each once, never an empty one."""
    return ":".join(dict.fromkeys(element for element in elements if element))


def build(venv: AnyPath, base: Mapping[str, str] = os.environ) -> LaunchEnvironment:
    """The launch environment of `venv` for a process started from `base`."""
    prefix = os.fspath(venv)
    return for_interpreter(prefix, f"{prefix}/bin/python", _site_packages(prefix), base)


def for_interpreter(
    prefix: str, python: str, packages: str, base: Mapping[str, str]
) -> LaunchEnvironment:
    """Build the launch environment of any interpreter, also of conda or the system.

    `prefix` is its `sys.prefix`, `packages` its site-packages.
    """
    path = base.get("PATH", os.defpath).split(":")
    variables = {"PATH": joined((os.path.dirname(python), *path))}  # noqa: PTH120
    if _is_there(f"{prefix}/pyvenv.cfg"):
        variables = {"VIRTUAL_ENV": prefix, **variables}
    libraries, inherited = library_path(packages), base.get(LIBRARY_PATH)
    removed = ["PYTHONHOME"]
    if value := libraries.value(inherited):
        variables[LIBRARY_PATH] = value
    elif inherited is not None:
        removed.append(LIBRARY_PATH)  # nothing but empty elements
    return LaunchEnvironment(
        prefix, python, variables, tuple(removed), libraries.left_out(inherited)
    )


def _error(code: str, message: str, hint: str) -> MlenvError:
    from mlenv.result import MlenvError

    return MlenvError(code, message, hint)


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
