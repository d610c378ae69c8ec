"""A real Ray cluster of several nodes on this machine, and the real environment with ray in it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv

from mlenv import paths
from tests.support.venvs import linked

SCRIPT = Path(__file__).with_name("ray_nodes.py")
# What a cluster's processes are called, by what they are.
PARTS = {
    "actor": "ray::Seat",
    "process": "--serve",
    "worker": "workers/__main__.py\0transcriber",
}


@pytest.fixture(scope="session")
def ray_venv(real_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The real environment, linked, and ray beside its packages, which stay as they are."""
    venv = tmp_path_factory.mktemp("with-ray") / "ml"
    linked(real_venv.resolve(), venv)
    for link in (real_venv / "bin").glob("python*"):
        (venv / "bin" / link.name).symlink_to(link.readlink())
    lock = paths.shipped("constraints") / "cu124+ray.txt"
    words: list[str | Path] = ["--no-deps", "--require-hashes", "-r", lock]
    python = venv / "bin" / "python"
    pip: list[str | Path] = [uv.find_uv_bin(), "pip", "install", "-q", "--python", python]
    subprocess.run([*pip, *words], check=True)
    yield venv
    shutil.rmtree(venv.parent)


class Cluster:
    """A head without cores, and nodes that come and go."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self.folder = process, folder
        self.nodes: list[int] = []
        self.address = self._line()

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline().strip()
        assert line, (self.folder / "stderr").read_text(errors="replace")
        return line

    def add(self, cpus: int = 1, gpus: int = 0) -> None:
        """Start one node more, which declares so many cores and GPUs."""
        assert self._process.stdin
        print(cpus, gpus, file=self._process.stdin, flush=True)
        self.nodes.append(int(self._line()))

    def kill_node(self) -> None:
        """End the oldest node with SIGKILL, and its actors with it."""
        os.kill(self.nodes.pop(0), signal.SIGKILL)

    def kill(self, part: str, choice: random.Random) -> bool:
        """End one process of a kind with SIGKILL; False where there is none."""
        found = [pid for pid, words in self._processes() if PARTS[part] in words]
        if found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(choice.choice(sorted(found)), signal.SIGKILL)
        return bool(found)

    def left(self) -> list[str]:
        """The command lines of what runs still for this cluster, but for Ray itself."""
        return [words for _, words in self._processes() if "mlenv" in words]

    def _processes(self) -> Iterator[tuple[int, str]]:
        """Processes of the nodes, which hand on a variable of their own."""
        own = f"RAY_TMPDIR={self.folder}"
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if own in (folder / "environ").read_text(errors="replace").split("\0"):
                    words = (folder / "cmdline").read_text(errors="replace")
                    yield int(folder.name), words


@contextlib.contextmanager
def cluster(venv: Path, cache: Path, nodes: int = 2) -> Iterator[Cluster]:
    """A cluster with this many nodes of a core each; its files are in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: names of sockets have 107 letters
    environ = {**os.environ, "RAY_TMPDIR": str(folder), "MLENV_CACHE_DIR": str(cache)}
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [venv / "bin" / "python", "-I", SCRIPT],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        result = Cluster(process, folder)
        for _ in range(nodes):
            result.add()
        yield result
    finally:
        assert process.stdin
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
