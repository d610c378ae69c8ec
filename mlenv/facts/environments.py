"""The environments that programs are started in, as processes see them.

`bare`: the user's shell as it is. `activated`: after `bin/activate`. `launch`: `mlenv exec`.
Where two are the same to the loader, one probe speaks for both.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlenv import launch
from mlenv.facts.children import Child
from mlenv.facts.target import Interpreter

BARE, ACTIVATED, LAUNCH = "bare", "activated", "launch"

# What decides which libraries a process loads and which devices it sees.
DECISIVE = ("LD_", "CUDA_", "NVIDIA_", "GLIBC_TUNABLES")


@dataclass(frozen=True, slots=True)
class Environment:
    """One or more ways to start a program that come to the same: the decisive variables.

    `library_path`: the directories on LD_LIBRARY_PATH; `real_library_path`: where they
    really are.
    """

    names: tuple[str, ...]
    variables: Mapping[str, str]
    library_path: tuple[str, ...] = ()
    real_library_path: tuple[str, ...] = ()


Whole = tuple[Environment, Mapping[str, str]]


def environments(interpreter: Interpreter, environ: Mapping[str, str]) -> tuple[Whole, ...]:
    """Each distinct environment with all its variables (those never leave this process)."""
    activated = _activated(Path(interpreter.prefix), environ)
    built = launch.for_interpreter(
        Path(interpreter.prefix),
        Path(interpreter.executable),
        Path(interpreter.packages),
        environ,
    )
    whole: dict[str, Mapping[str, str]] = {LAUNCH: built.applied_to(environ), BARE: dict(environ)}
    if activated is not None:
        whole[ACTIVATED] = activated
    merged: dict[tuple[tuple[str, str], ...], tuple[list[str], Mapping[str, str]]] = {}
    for name, variables in whole.items():
        decisive = {k: v for k, v in variables.items() if k.startswith(DECISIVE)}
        merged.setdefault(tuple(sorted(decisive.items())), ([], variables))[0].append(name)
    return tuple(
        (_environment(names, dict(decisive)), variables)
        for decisive, (names, variables) in merged.items()
    )


def _environment(names: list[str], decisive: dict[str, str]) -> Environment:
    path = [e for e in re.split("[:;]", decisive.get(launch.LIBRARY_PATH, "")) if e]
    return Environment(
        tuple(names), decisive, tuple(path), tuple(os.path.realpath(entry) for entry in path)
    )


def _activated(prefix: Path, environ: Mapping[str, str]) -> Mapping[str, str] | None:
    """What `. bin/activate` makes of the user's environment; None where it can't be had."""
    script, bash = prefix / "bin" / "activate", shutil.which("bash")
    if bash is None or not script.is_file():
        return None
    ended = Child(
        [bash, "--norc", "--noprofile", "-c", '. "$1" >&2 && env -0', "_", str(script)],
        environ,
        5.0,
    ).ended()
    if ended.exit_code != 0:
        return None
    pairs = (entry.partition("=") for entry in ended.stdout.split("\0") if "=" in entry)
    return {name: value for name, _, value in pairs}
