"""The environments that programs are started in, as processes see them.

`bare`: the user's shell as it is. `activated`: after `bin/activate`. `launch`: `mlenv exec`.
Where two are the same to the loader, one probe speaks for both.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlenv.doctor.facts.target import Interpreter, Target
from mlenv.environment import launch
from mlenv.machine.children import Child

BARE, ACTIVATED, LAUNCH = "bare", "activated", "launch"

# What decides which libraries a process loads and which devices it sees.
# Not all of NVIDIA_*: NVIDIA_API_KEY is a secret.
DECISIVE = (
    "LD_",
    "CUDA_",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "GLIBC_TUNABLES",
)


@dataclass(frozen=True, slots=True)
class Environment:
    """One or more ways to start a program that come to the same: the decisive variables.

    `library_path`: the directories on LD_LIBRARY_PATH; `real_library_path`: where they
    really are. `pythons`: the real directory of the `python` that each name finds on PATH.
    """

    names: tuple[str, ...]
    variables: Mapping[str, str]
    library_path: tuple[str, ...] = ()
    real_library_path: tuple[str, ...] = ()
    pythons: Mapping[str, str] = field(default_factory=dict)


Whole = tuple[Environment, Mapping[str, str]]


def start(target: Target, environ: Mapping[str, str]) -> Child | None:
    """Activate it, as a shell does; None where there is no bash or no script."""
    script, bash = target.python.parent / "activate", shutil.which("bash")
    if bash is None or not script.is_file():
        return None
    print_all = '. "$1" >&2 && env -0'
    argv = [bash, "--norc", "--noprofile", "-c", print_all, "_", str(script)]
    return Child(argv, environ, 5.0)


def finish(
    child: Child | None, interpreter: Interpreter, environ: Mapping[str, str]
) -> tuple[Whole, ...]:
    """Each distinct environment with all its variables (those never leave this process)."""
    built = launch.for_interpreter(
        interpreter.prefix, interpreter.executable, interpreter.packages, environ
    )
    whole: dict[str, Mapping[str, str]] = {LAUNCH: built.applied_to(environ), BARE: dict(environ)}
    if child and (ended := child.ended()).exit_code == 0:
        pairs = (entry.partition("=") for entry in ended.stdout.split("\0") if "=" in entry)
        whole[ACTIVATED] = {name: value for name, _, value in pairs}
    merged: dict[object, tuple[list[str], Mapping[str, str]]] = {}
    for name, variables in whole.items():
        merged.setdefault(_alike(variables), ([], variables))[0].append(name)
    pythons = {name: _python(variables.get("PATH")) for name, variables in whole.items()}
    return tuple(
        (_environment(names, variables, pythons), variables) for names, variables in merged.values()
    )


def _python(path: str | None) -> str:
    program = shutil.which("python", path=path or os.defpath)
    return os.path.realpath(os.path.dirname(program)) if program else ""  # noqa: PTH120


def _alike(variables: Mapping[str, str]) -> object:
    """The variables in which two environments differ for the loader, resolved to real paths."""
    decisive = {k: v for k, v in variables.items() if k.startswith(DECISIVE)}
    path = map(os.path.realpath, _elements(decisive.pop(launch.LIBRARY_PATH, "")))
    return tuple(path), tuple(sorted(decisive.items()))


def _elements(path: str) -> list[str]:
    return [element for element in re.split("[:;]", path) if element]


def _environment(
    names: list[str], variables: Mapping[str, str], pythons: Mapping[str, str]
) -> Environment:
    path = _elements(variables.get(launch.LIBRARY_PATH, ""))
    return Environment(
        tuple(names),
        {k: v for k, v in variables.items() if k.startswith(DECISIVE)},
        tuple(path),
        tuple(os.path.realpath(entry) for entry in path),
        {name: pythons[name] for name in names},
    )
