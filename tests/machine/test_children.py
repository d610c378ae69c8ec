"""Child processes with a time limit."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from mlenv.machine import children
from mlenv.machine.children import Child, Ended
from mlenv.result import MlenvError


def run(code: str, limit: float = 10) -> Ended:
    return Child([sys.executable, "-c", code], os.environ, limit).ended()


def test_the_end_of_a_child() -> None:
    assert run("print('x'); import sys; sys.exit(3)") == Ended(3, "x\n", "")
    assert run("import os; os.kill(os.getpid(), 6)") == Ended(-6, "", "")
    gone = Child(["/nowhere/python"], os.environ).ended()
    assert gone == Ended(None, "", "", error="No such file or directory")


def test_with_few_open_files_children_run_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "FEW_FILES", sys.maxsize)
    many = [Child([sys.executable, "-c", f"print({n})"], os.environ) for n in range(3)]
    assert [child._process for child in many] == [None] * 3
    assert [child.ended() for child in many] == [Ended(0, f"{n}\n", "") for n in range(3)]


def test_a_child_that_hangs_ends_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    grandchild = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(99)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    began = time.monotonic()
    ended = run(code, 2)
    assert (ended.exit_code, ended.timed_out) == (-9, True)
    assert time.monotonic() - began < 10
    end = time.monotonic() + 10
    while _runs(pid.read_text()):  # it was killed, and ends when the kernel comes to it
        assert time.monotonic() < end


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_child_that_survives_its_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in the kernel's hands takes no SIGKILL: here none is sent."""
    monkeypatch.setattr(os, "killpg", lambda *_: None)
    began = time.monotonic()
    ended = run("import time; time.sleep(8)", 0.2)
    assert (ended.exit_code, ended.timed_out) == (None, True)
    assert time.monotonic() - began < 5


def test_an_endless_output_is_cut() -> None:
    ended = run(f"print('x' * {children.OUTPUT_LIMIT + 5})")
    assert (ended.exit_code, len(ended.stdout)) == (0, children.OUTPUT_LIMIT)


def test_a_python_is_asked(tmp_path: Path) -> None:
    assert children.python_answer(Path(sys.executable), "print(6 * 7)") == "42"
    assert children.python_answer(Path(sys.executable), "print('by a .pth'); print(7)") == "7"
    for broken, reason in (("exit 1", "it answers nothing"), ("echo no >&2; exit 1", "no")):
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{broken}\n")
        program.chmod(0o755)
        with pytest.raises(MlenvError) as caught:
            children.python_answer(program, "print(6 * 7)")
        assert caught.value.message == f"{program} does not run: {reason}."
