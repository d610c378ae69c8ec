"""For whom uv waits is said: its own word about that is in its log only."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlenv import progress
from mlenv.environment import uv
from mlenv.environment.uv import waiting


class Heard(progress.Silent):
    """Keeps what is said of waiting."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def waiting(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    monkeypatch.setattr(waiting, "LATE", 0.05)
    heard = Heard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "current", lambda: heard)
        yield heard


def test_another_program_holds_the_cache(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    assert uv.find_python("3") is not None
    lock = tmp_path / "cache/.lock"
    script = (
        'import fcntl, sys, time; f = open(sys.argv[1], "w"); fcntl.flock(f, 2); print(flush=True)'
    )
    argv = ["python3", "-c", f"{script}; time.sleep(0.6)", lock]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert waiting.holders(lock) == [other.pid]
        assert uv.find_python("3") is not None
        assert waiting.holders(lock) == []  # uv went on after it, not beside it
    line = f"uv waits for python3 (process {other.pid}), which uses its cache: {lock}"
    assert heard.lines == [line]


def test_a_short_wait_is_not_worth_a_word(heard: Heard, tmp_path: Path) -> None:
    waits, lock = waiting.Waits(), tmp_path / "lock"
    lock.touch()
    waits.line(f"INFO Waiting to acquire shared lock for `{tmp_path}` at `{lock}`")
    time.sleep(0.1)  # nobody holds it any more
    waits.line("INFO Something else")
    waits.end()
    assert heard.lines == []
    assert waiting.holders(tmp_path / "nowhere") == []
