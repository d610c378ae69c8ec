"""Commands killed, or failing, at their steps: the environment is the old one or the new, whole.

All steps, and kills at random moments: `uv run python -m tests.support.fault_series`.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlenv import files
from tests.support import steps
from tests.support.drivers import needs_gcc
from tests.support.steps import Bench

pytestmark = needs_gcc

MOST = 5  # faults for each operation, spread over its steps


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with steps.opened(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.mark.parametrize("what", ["kill", "ENOSPC"])
@pytest.mark.parametrize("name", ["install over a venv, plain", "add", "rollback", "uninstall"])
def test_an_operation_is_done_or_not_begun(bench: Bench, name: str, what: str) -> None:
    count = len(bench.course(name).steps)
    last = range(max(count - 3, 1), count + 1)
    problems = {
        at: text
        for at in sorted({*range(2, count, max(count // (MOST - 3), 1)), *last})
        if (text := bench.disturbed(name, at=at, what=what))
    }
    assert problems == {}


def test_the_steps_of_a_switch_over_a_venv_made_by_hand(bench: Bench) -> None:
    """Data is flushed before the switch, so that a power cut is no worse than a kill."""
    calls = bench.course("install over a venv").steps
    built = next(n for n, call in enumerate(calls) if call.endswith("/mlenv.json"))
    generation = calls[built].rpartition(" ")[2].removesuffix("/mlenv.json")
    assert calls[built].startswith("rename ")
    record = calls[built].split()[1]
    assert [call.replace(generation, "G") for call in calls[built - 1 : built + 8]] == [
        f"fsync {record}".replace(generation, "G"),
        f"rename {record} {generation}/mlenv.json".replace(generation, "G"),
        "syncfs G",
        f"symlink home/.venvs/ml.before-mlenv .ml.mlenv/generations/{Path(generation).name}",
        "exchange home/.venvs/ml.before-mlenv home/.venvs/ml",
        "unlink home/.venvs/.ml.mlenv/.previous.new",
        "symlink home/.venvs/.ml.mlenv/.previous.new ../ml.before-mlenv",
        "rename home/.venvs/.ml.mlenv/.previous.new home/.venvs/.ml.mlenv/previous",
        "unlink home/.venvs/.ml.mlenv/busy.holder",
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("ENOLCK", "No locks available"),
        ("EBADF", "Bad file descriptor"),
        ("EOPNOTSUPP", "Operation not supported"),
    ],
)
def test_a_file_system_without_locks_is_named(bench: Bench, error: str, reason: str) -> None:
    bench.course("rollback")
    bench.start("two")
    log = str(bench.root / "locks")
    done = bench.run(("rollback", "1"), {"STEPS": log, "STEPS_AT": "1", "STEPS_DO": error})
    busy = bench.home / ".venvs/.ml.mlenv/busy"
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {busy} can't be locked: {reason}.\n"
        "Use a directory on a local file system: one without locks is not safe to change.\n",
    )


def test_what_a_killed_process_was_writing_goes_with_the_next(tmp_path: Path) -> None:
    left, held = tmp_path / ".mlenv-new-left", tmp_path / ".mlenv-new-held"
    left.write_text("half")
    with held.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        files.write_atomically(tmp_path / "whole", "content")
    assert {path.name for path in tmp_path.iterdir()} == {held.name, "whole"}
