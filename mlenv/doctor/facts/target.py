"""The examined environment and its interpreter."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlenv import paths
from mlenv.doctor import probes
from mlenv.machine.children import Child, last_printed
from mlenv.result import NOT_DIAGNOSED, MlenvError

PROBES = Path(probes.__file__).parent


@dataclass(frozen=True, slots=True)
class Target:
    """`venv` is the directory as the user named it; `python` the interpreter in it."""

    venv: Path
    python: Path


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The interpreter of the examined environment.

    `lacking`: modules of the standard library that it does not have. `error` says why it did not
    answer; then only what the file system shows is known.
    """

    executable: str
    prefix: str
    packages: str
    platform_packages: str
    version: str = ""
    implementation: str = ""
    base_prefix: str = ""
    path: tuple[str, ...] = ()
    platform: str = ""
    extension_suffixes: tuple[str, ...] = ()
    libc: str = ""
    lacking: tuple[str, ...] = ()
    error: str = ""


def of_venv(venv: Path) -> Target:
    """A venv directory; raises `MlenvError` (exit code 3) where there is none."""
    if not (venv / "pyvenv.cfg").is_file():
        what, place = "does not exist", paths.aimed(venv)
        if venv.exists():  # some other folder, which an installation would move aside
            what, place = "is not a virtual environment", ""
        if venv.is_symlink() and not venv.exists():
            what = f"leads to {venv.readlink()}, which is gone"
        elif any(venv.glob("lib/python3*/site-packages")):
            what = "has packages, but its pyvenv.cfg is gone: its Python does not look for them"
        raise MlenvError(
            "no-environment",
            f"{venv} {what}.",
            f"Run `mlenv install{place}` to build one, or name another with --venv DIR "
            "or --python EXE.",
            exit_code=NOT_DIAGNOSED,
        )
    return Target(venv, venv.resolve() / "bin" / "python")


def of_python(executable: str, search: str | None) -> Target:
    """Any interpreter, by path or by name; raises `MlenvError` (exit code 3)."""
    import shutil

    program = shutil.which(executable, path=search)
    if program is None:
        raise MlenvError(
            "no-interpreter",
            f"There is no interpreter {executable} that can be run.",
            "Give --python the path of one, such as ./venv/bin/python.",
            exit_code=NOT_DIAGNOSED,
        )
    python = Path(program).parent.resolve() / Path(program).name  # itself a symlink in a venv
    return Target(python.parent.parent, python)


def start(target: Target, environ: Mapping[str, str]) -> Child:
    """Ask the interpreter what it is."""
    return Child([str(target.python), str(PROBES / "interpreter.py")], environ, 10.0)


def finish(target: Target, child: Child) -> Interpreter:
    """The interpreter's answer; without one, what its directory shows."""
    ended = child.ended()
    try:
        answer = json.loads(last_printed(ended.stdout))
        packages = os.path.realpath(answer["packages"])
        return Interpreter(
            **{
                **answer,
                "packages": packages,
                "path": tuple(answer["path"]),
                "extension_suffixes": tuple(answer["extension_suffixes"]),
                "lacking": tuple(answer["lacking"]),
            }
        )
    except (ValueError, TypeError, KeyError):
        last = (ended.stderr.strip().splitlines() or [""])[-1]
        reason = ended.error or last or f"it ended with {ended.exit_code}"
        if not ended.exit_code and not ended.error:
            reason = "it ended with 0, and what it printed is not what a Python would print"
        real = os.path.realpath(target.python)
        if not os.access(real, os.X_OK) and not paths.is_gone(real):
            reason = f"it leads to {real}, which this user may not start"
        if ended.timed_out:
            reason = "it did not answer within 10 s"
    packages = next(iter(sorted(target.venv.glob("lib/python3*/site-packages"))), None)
    if packages is None:
        raise MlenvError(
            "no-interpreter",
            f"{target.python} is no Python that works: {reason}.",
            "Run `mlenv install` to build an environment, or name another with --python EXE.",
            exit_code=NOT_DIAGNOSED,
        )
    return Interpreter(
        str(target.python), str(target.venv), str(packages), str(packages), error=reason
    )
