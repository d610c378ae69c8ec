"""Nothing is left behind, whatever ends a run: no process, no file. Stand-in workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import faults, tally

# A /dev/shm of the run's own, too small for anything.
ROOT = () if os.geteuid() == 0 else ("--map-root-user",)
MOUNT = 'mount -t tmpfs -o size=4k tmpfs /dev/shm && exec "$@"'
ALONE = ("unshare", *ROOT, "-m", "--propagation", "private", "sh", "-c", MOUNT, "sh")


def started(venv: Path, directory: Path, *words: str | Path) -> subprocess.Popen[str]:
    """A run over `a.wav`, which goes through, and `b.wav`, at which it waits when this returns."""
    slow = {"transcriber": "wait 60"}
    files = faults.write(directory, {"a": {}, "b": slow})
    (directory / "tmp").mkdir()
    process = subprocess.Popen(
        [*ALONE, *faults.command(venv, directory, *words, *files)],
        env={**os.environ, "TMPDIR": str(directory / "tmp")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = directory / "stand-in" / "log"
    wait_for(lambda: log.exists() and "transcriber b" in log.read_text())
    wait_for(lambda: (directory / "out" / "a.txt").exists() or "-o" not in words)
    return process


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 20
        time.sleep(0.02)


def alive_after(seconds: float, processes: list[Path]) -> list[Path]:
    """The processes that have not ended by themselves within so many seconds."""
    end = time.monotonic() + seconds
    while any(map(is_alive, processes)) and time.monotonic() < end:
        time.sleep(0.02)
    return [*filter(is_alive, processes)]


def children(process: subprocess.Popen[str]) -> list[Path]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert listed
    return [Path("/proc") / child for child in listed]


def files_of(process: subprocess.Popen[str], directory: Path) -> list[Path]:
    """What has a name in memory or in the directory for temporary files."""
    memory = Path(f"/proc/{process.pid}/root/dev/shm")
    return [*memory.iterdir(), *(directory / "tmp").iterdir()]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_and_keeps_what_is_done(
    plain_venv: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    process = started(plain_venv, tmp_path, "--diarize", "-o", tmp_path / "out", "--json")
    workers = children(process)
    assert tally.left(files_of(process, tmp_path)) == []
    began = time.monotonic()
    process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=20)
    assert time.monotonic() - began < 2
    assert (process.returncode, stderr) == (128 + sent, "")
    document = json.loads(stdout)
    assert [file["path"] for file in document["data"]["files"]] == [f"{tmp_path}/a.wav"]
    assert document["errors"] == [
        {
            "code": "interrupted",
            "message": "Interrupted: 1 of 2 files are done.\n"
            "Type the same again with --resume: it goes on with the rest.",
        }
    ]
    there = [worker for worker in workers if worker.exists()]
    assert tally.left([*there, *(tmp_path / "tmp").iterdir()]) == []
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".mlenv", "a.txt"]


def test_a_signal_ends_all_while_gigabytes_are_read_for_the_record(
    plain_venv: Path, tmp_path: Path
) -> None:
    (file,) = faults.write(tmp_path, {"large": {}})
    os.truncate(file, 40 << 30)  # most of it a hole
    out = tmp_path / "out"
    process = subprocess.Popen(
        faults.command(plain_venv, tmp_path, "--quiet", "-o", out, file),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: any(at > 1 << 30 for at in places_in(process, file)))
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert said == (
        "error: Interrupted: 0 of 1 files are done.\n"
        "Type the same again with --resume: it goes on with the rest.\n"
    )
    assert tally.left(out.iterdir()) == []


def places_in(process: subprocess.Popen[str], file: Path) -> list[int]:
    """The offset up to which a process has read a file."""
    return [
        int((Path(f"/proc/{process.pid}/fdinfo") / link.name).read_text().split()[1])
        for link in Path(f"/proc/{process.pid}/fd").iterdir()
        if link.exists() and link.samefile(file)
    ]


def test_the_kill_of_the_run_ends_its_workers_and_leaves_no_samples(
    plain_venv: Path, tmp_path: Path
) -> None:
    process = started(plain_venv, tmp_path, "--diarize", "-o", tmp_path / "out")
    workers = children(process)
    assert len(workers) == 2
    assert tally.left(files_of(process, tmp_path)) == []
    process.kill()
    process.communicate()
    assert tally.left([*alive_after(2, workers), *(tmp_path / "tmp").iterdir()]) == []


def test_a_worker_sees_the_end_of_its_parent_without_the_kernels_help(tmp_path: Path) -> None:
    script = (
        "import ctypes, os, runpy, sys, time\n"
        "ctypes.CDLL = None  # as on a system without prctl\n"
        f"runpy.run_path({str(faults.ENTRY)!r})['end_with_parent']()\n"
        "time.sleep(60)\n"
    )
    (tmp_path / "worker.py").write_text(script.replace("ctypes.CDLL = None", "del ctypes.CDLL"))
    parent = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, {str(tmp_path / 'worker.py')!r}])\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        ["python3", "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    child = Path("/proc") / process.stdout.readline().strip()
    time.sleep(0.3)
    assert is_alive(child)
    process.kill()
    process.communicate()
    assert tally.left(alive_after(2, [child])) == []


def test_nohup_is_heeded(plain_venv: Path, tmp_path: Path) -> None:
    files = faults.write(tmp_path, {"a": {"transcriber": "wait 1.5"}})
    command = ["nohup", *faults.command(plain_venv, tmp_path, "-o", tmp_path / "out", *files)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "stand-in" / "log").exists)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=20) == 0
    assert (tmp_path / "out" / "a.txt").read_text() == "a\n"


def is_alive(process: Path) -> bool:
    """A process that is there and no zombie."""
    try:
        return " Z " not in (process / "stat").read_text()
    except OSError:
        return False
