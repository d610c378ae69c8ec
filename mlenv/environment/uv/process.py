"""How uv is run: which uv, where, with which environment, and what becomes of its messages."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager

from mlenv.environment import launch
from mlenv.environment.uv.failures import understood
from mlenv.result import MlenvError

OnLine = Callable[[str], None]


def binary() -> str:
    """The uv that mlenv depends on."""
    import uv

    try:
        return os.fspath(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise MlenvError(
            "uv-missing",
            f"The uv program is not where its package says: {error}.",
            "Reinstall it: `pip install --force-reinstall uv`.",
        ) from error


def empty_directory() -> AbstractContextManager[str]:
    return tempfile.TemporaryDirectory(prefix="mlenv-")


_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with_parent() -> None:
    """In the child: end when mlenv does, even where that is killed outright."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run(
    *arguments: str,
    directory: str | None = None,
    settings: dict[str, str] | None = None,
    on_line: OnLine | None = None,
) -> str:
    """Run uv; returns its standard output. Its messages go to `on_line` as they come."""
    if directory is None:
        with empty_directory() as empty:
            return run(*arguments, directory=empty, settings=settings, on_line=on_line)
    environment = launch.for_tools(os.environ, UV_NO_PROGRESS="1", NO_COLOR="1", **settings or {})
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as printed,
        subprocess.Popen(
            [binary(), *arguments],
            cwd=directory,
            env=environment,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
            preexec_fn=_end_with_parent,
        ) as process,
    ):
        assert process.stderr is not None
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if on_line:
                    on_line(line.rstrip())
        except BaseException:
            process.terminate()
            raise
        if process.wait() != 0:
            raise understood("".join(said), process.returncode)
        printed.seek(0)
        return printed.read()
