"""Run uv: the program, its working directory, its variables and its messages."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlenv.environment.uv import configuration
from mlenv.environment.uv.disk import Watch
from mlenv.environment.uv.failures import explained, nearly_full, unsafe_wheel
from mlenv.environment.uv.waiting import Waits
from mlenv.files import temporary_directory
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


# uv ends when mlenv does, even if that is killed: prctl(PR_SET_PDEATHSIG, SIGTERM), which lasts
# over execve (prctl(2)). A small Python sets it, because `preexec_fn` may deadlock beside threads.
_END_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(143); os.execv(sys.argv[2], sys.argv[2:])"
)


def _command(arguments: tuple[str, ...]) -> list[str]:
    if sys.platform != "linux":
        return [binary(), *arguments]
    start = [sys.executable, "-I", "-S", "-c", _END_WITH_PARENT, str(os.getpid())]
    return [*start, binary(), *arguments]


@contextmanager
def _configuration() -> Iterator[dict[str, str]]:
    """The variables that make uv read of the user's configuration what holds, and nothing else."""
    text = configuration.text(os.environ)
    with temporary_directory() as folder:
        user, system = Path(folder) / "user/uv", Path(folder) / "system/uv"
        for place, content in ((user, text), (system, "")):
            place.mkdir(parents=True)
            (place / "uv.toml").write_text(content, "utf-8")
        yield {"XDG_CONFIG_HOME": str(user.parent), "XDG_CONFIG_DIRS": str(system.parent)}


# uv wraps its messages to the terminal's width, where the failures are told by their sentences.
_WIDE = "100000"

# Of uv's log: what it leaves out of a wheel, and for which lock it waits.
_LOG = "uv_extract=warn,uv_fs=info"
_LEFT_OUT = re.compile(r"^WARN Skipping unsafe file name: (?P<name>.*)$")


def run(
    *arguments: str,
    directory: str | None = None,
    settings: dict[str, str] | None = None,
    on_line: OnLine | None = None,
    watch: Watch | None = None,
) -> str:
    """Run uv; returns its standard output. Its messages go to `on_line` as they come.

    Raises `UvError`, also where uv has left out of a wheel what leads out of it. `watch`: ends uv
    before a disk is full.
    """
    if directory is None:
        with temporary_directory() as empty:
            return run(*arguments, directory=empty, settings=settings, on_line=on_line, watch=watch)
    fixed = {"UV_NO_PROGRESS": "1", "NO_COLOR": "1", "COLUMNS": _WIDE}
    if "--verbose" not in arguments:
        fixed["RUST_LOG"] = _LOG
    environment = configuration.variables(os.environ) | fixed | (settings or {})
    with (
        _configuration() as places,
        tempfile.TemporaryFile("w+", encoding="utf-8") as printed,
        subprocess.Popen(
            _command(arguments),
            cwd=directory,
            env=environment | places,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
        ) as process,
        watch.over(process) if watch else contextlib.nullcontext(),
    ):
        assert process.stderr is not None
        messages, left_out, waits = [], [], Waits()
        try:
            for line in process.stderr:
                if line.startswith(("WARN ", "INFO ")):
                    waits.line(line.rstrip("\n"))
                    left_out += [match["name"]] if (match := _LEFT_OUT.match(line)) else []
                    continue
                messages.append(line)
                if on_line:
                    on_line(line.rstrip())
        except BaseException:
            process.terminate()
            raise
        finally:
            waits.end()
        code = process.wait()
        if watch and watch.full:
            raise nearly_full(watch.full)
        if left_out:
            raise unsafe_wheel(left_out)
        if code != 0:
            offline = "--offline" in arguments or "UV_OFFLINE" in (settings or {})
            raise explained("".join(messages), code, offline=offline)
        printed.seek(0)
        return printed.read()
