"""Files without a name, streams larger than a directory, and what killed runs left."""

from __future__ import annotations

import fcntl
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import pytest

from mlenv.result import MlenvError
from mlenv.speech.transcribe import scratch


def process(proc: Path, pid: int, *words: str) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "cmdline").write_bytes("\0".join((*words, "")).encode())


KEPT = {"mine", "mlenv-x2", "mlenv-diarizer-5-x3"}


@pytest.fixture
def left(tmp_path: Path) -> list[Path]:
    """What killed runs left, and what is none of mlenv's."""
    paths = [tmp_path / name for name in ("shm/mlenv-old", "shm/mine", "tmp/mlenv-diarizer-77-x1")]
    paths.append(tmp_path / "tmp/mlenv-x2")  # another command's
    paths.append(tmp_path / "tmp/mlenv-diarizer-5-x3")  # of a process that is alive
    for path in paths:
        path.mkdir(parents=True)
        (path / "tmp1.s16").write_bytes(b"samples")
    return paths


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (("python", "-m", "pytest", "transcribe"), KEPT),
        (("/bin/mlenv", "doctor"), KEPT),
        (("/bin/mlenv", "exec", "transcribe", "a.wav"), {*KEPT, "mlenv-old"}),
        (
            ("/bin/python", "-I", "/mlenv/speech/workers/__main__.py", "diarizer"),
            {*KEPT, "mlenv-old"},
        ),
    ],
)
def test_what_killed_runs_left_is_removed_unless_another_run_is_alive(
    left: list[Path], tmp_path: Path, words: tuple[str, ...], kept: set[str]
) -> None:
    process(tmp_path / "proc", 1, *words)
    process(tmp_path / "proc", 5, "/bin/python", "diarizer")
    process(tmp_path / "proc", 77)  # it is over, and nobody has asked how it ended
    process(tmp_path / "proc", os.getpid(), "/bin/mlenv", "exec", "transcribe", "b.wav")
    scratch.clear_leftovers(tmp_path / "shm", tmp_path / "tmp", tmp_path / "proc")
    there = {path.name for path in left if path.exists()}
    assert there == kept


def test_a_directory_that_is_locked_stays(left: list[Path], tmp_path: Path) -> None:
    """Its process may be in a container that shares the directory, or be named otherwise."""
    imports = left[2]
    descriptor = os.open(imports, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    scratch.clear_leftovers(tmp_path / "shm", tmp_path / "tmp", tmp_path / "proc")
    assert imports.exists()
    os.close(descriptor)
    scratch.clear_leftovers(tmp_path / "shm", tmp_path / "tmp", tmp_path / "proc")
    assert not imports.exists()


def test_what_a_worker_leaves_is_removed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("mlenv-diarizer-7-x", "mlenv-diarizer-77-x"):
        (tmp_path / name).mkdir()
    scratch.clear_of(7)
    assert [path.name for path in tmp_path.iterdir()] == ["mlenv-diarizer-77-x"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "shm").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "shm" / "mlenv-link").symlink_to(tmp_path / "kept")
    scratch.clear_leftovers(tmp_path / "shm", tmp_path, tmp_path / "proc")
    assert (tmp_path / "kept").is_dir()


def test_another_process_opens_what_has_no_name() -> None:
    stream = scratch.in_memory("test")
    script = "import sys; open(sys.argv[1], 'w').write('heard')"
    subprocess.run([sys.executable, "-c", script, scratch.path_of(stream)], check=True)
    assert stream.read() == b"heard"


class Written:
    """`os.write` to directories that hold so many bytes each."""

    def __init__(self, *room: int) -> None:
        self.room = list(room)

    def __call__(self, handle: int, data: bytes | memoryview) -> int:
        used = os.fstat(handle).st_size
        if not used:
            self.limit = self.room.pop(0)
        count = min(len(data), self.limit - used)
        if not count:
            raise OSError(28, "No space left on device")
        return real_write(handle, bytes(data[:count]))


real_write = os.write


LINES: list[str] = []  # those of the last stream


def spooled(size: int, monkeypatch: pytest.MonkeyPatch, *room: int) -> IO[bytes]:
    monkeypatch.setattr(scratch, "CHUNK", 1000)
    monkeypatch.setattr(os, "write", Written(*room))
    LINES.clear()
    return scratch.spooled(io.BytesIO(bytes(n % 251 for n in range(size))), "talk", LINES.append)


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2500, 4900])
def test_a_stream_goes_on_where_there_is_room(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    file = spooled(size, monkeypatch, 1500, 2700, 5000)
    assert os.pread(file.fileno(), 9999, 0) == bytes(n % 251 for n in range(size))
    full = ["/tmp"] * (size > 1500) + ["/var/tmp"] * (size > 2700)
    assert [f"talk can't be kept in {each}: No space left on device" for each in full] == LINES


def test_a_large_stream_is_said_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "LARGE", 2000)
    spooled(1999, monkeypatch, 5000)
    assert LINES == []
    spooled(4000, monkeypatch, 5000)
    assert LINES == ["talk is large: it is kept in /tmp until it is through"]


def test_a_stream_for_which_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MlenvError) as caught:
        spooled(9000, monkeypatch, 1500, 2700, 5000)
    assert caught.value.code == "no-room"
    assert caught.value.message.startswith("talk does not fit into /tmp, /var/tmp, /dev/shm, ")
