"""Threads follow what is granted: cpusets, quotas of control groups, OMP_NUM_THREADS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlenv.speech.workers.cores import cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def machine(root: Path, groups: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {}, 8),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/user/run\n", {"user/cpu.max": "300000 100000\n", "user/run/cpu.max": "max 1\n"}, 3),
        ("0::/docker/1\n", {"cpu.max": "400000 100000\n"}, 4),  # its own root is mounted
        (
            "4:memory:/x\n3:cpu,cpuacct:/a\n",
            {
                "cpu,cpuacct/a/cpu.cfs_quota_us": "250000\n",
                "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            "3:cpu:/a\n",
            {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"},
            8,
        ),
    ],
)
def test_quotas(tmp_path: Path, groups: str, files: dict[str, str], expected: int) -> None:
    placed = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    assert cores(machine(tmp_path, groups, placed), {}) == expected


def test_a_cpuset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert cores(tmp_path, {}) == 1


@pytest.mark.parametrize(("asked", "expected"), [("1", 1), ("16", 8), ("", 8), ("0", 8)])
def test_omp_num_threads(tmp_path: Path, asked: str, expected: int) -> None:
    assert cores(tmp_path, {"OMP_NUM_THREADS": asked}) == expected
