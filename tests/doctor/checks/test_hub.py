"""Disks and caches."""

from __future__ import annotations

import pytest

from mlenv.doctor import examine
from mlenv.doctor.checks import hub
from mlenv.doctor.facts import Facts
from mlenv.doctor.facts.files import Disk, Files
from mlenv.doctor.facts.target import Interpreter

PYTHON = Interpreter("/venv/bin/python", "/venv", "/venv/lib", "/venv/lib")


@pytest.mark.parametrize(
    ("free", "outcome"), [(4096, "fail"), (8 << 20, "warn"), (64 << 20, "ok"), (None, "ok")]
)
def test_shared_memory_of_a_container(free: int | None, outcome: str) -> None:
    files = Files(disks=(Disk("shared memory", "/dev/shm", free),))
    (finding,) = examine.judge(Facts("/venv", False, PYTHON, files=files), [hub.DISK]).findings
    assert finding.outcome == outcome
    assert finding.bad == any("shared memory (/dev/shm)" in line for line in finding.evidence)
