"""The processes that use a generation, as /proc shows them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path


def users(paths: Sequence[Path], activation: Path) -> dict[Path, tuple[int, ...]]:
    """The processes that use each of these directories.

    Open and mapped files, working directory, command line and variables tell. A Python that was
    started through the `activation` before that was last switched may use any of them, unless
    its files say which. Processes of other users can't be looked into; without /proc nothing is
    known.
    """
    pids: dict[Path, list[int]] = {path: [] for path in paths}
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        words, variables = _words(process, "cmdline"), _words(process, "environ")
        links = [_target(process / name) for name in ("exe", "cwd", *_descriptors(process))]
        traces = "\n".join([*words, *variables, *links, *_words(process, "maps"), ""])
        hits = [path for path in paths if f"{path}/" in traces or f"{path}\n" in traces]
        if not hits and _is_python_of(activation, words, variables, links[0]):
            known = any(f"{path.parent}/" in traces for path in paths)
            hits = [] if known or _is_new(process, activation) else [*paths]
        for path in hits:
            pids[path].append(int(process.name))
    return {path: tuple(sorted(users)) for path, users in pids.items() if users}


def _is_python_of(
    activation: Path, words: Sequence[str], variables: Sequence[str], program: str
) -> bool:
    if words and words[0].startswith(f"{activation}/"):
        return True
    return f"VIRTUAL_ENV={activation}" in variables and Path(program).name.startswith("python")


def _is_new(process: Path, activation: Path) -> bool:
    """Tell if the process was started after the activation was last switched: proc_pid_stat(5)."""
    try:
        ticks = int((process / "stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        started = time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
        return started > activation.lstat().st_ctime
    except (OSError, ValueError, IndexError):
        return True  # it has ended meanwhile


def _words(process: Path, name: str) -> list[str]:
    try:
        text = (process / name).read_text("utf-8", "surrogateescape")
    except OSError:
        return []
    return text.replace("\0", "\n").splitlines()


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _descriptors(process: Path) -> list[str]:
    try:
        return [f"fd/{name}" for name in os.listdir(process / "fd")]  # noqa: PTH208
    except OSError:
        return []
