"""Free memory, by /proc and control groups as they are on real machines."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from mlenv.machine import driver, memory

GB = 10**9


def machine(tmp_path: Path, available_kb: int, group: tuple[str, str, int] | None = None) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(
        f"MemTotal: 24632344 kB\nMemFree: 812345 kB\nMemAvailable: {available_kb} kB\n"
    )
    if group:
        folder = tmp_path / "sys/fs/cgroup"
        folder.mkdir(parents=True)
        limit, used, cache = group
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 1\nfile 2\ninactive_file {cache}\n")
    return tmp_path


def test_what_the_machine_has_left(tmp_path: Path) -> None:
    assert memory.available(machine(tmp_path, 2_000_000)) == 2_000_000 * 1024


def test_what_a_container_has_left(tmp_path: Path) -> None:
    root = machine(tmp_path, 20_000_000, (str(4 * GB), str(3 * GB), GB // 2))
    assert memory.available(root) == 1.5 * GB


def test_a_container_of_the_older_kind(tmp_path: Path) -> None:
    root = machine(tmp_path, 20_000_000)
    folder = root / "sys/fs/cgroup/memory"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(f"{4 * GB}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{3 * GB}\n")
    (folder / "memory.stat").write_text(f"cache 1\ntotal_inactive_file {GB // 2}\n")
    assert memory.available(root) == 1.5 * GB


def test_a_limit_of_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4 * GB, 5 * GB))
    assert memory.available(machine(tmp_path, 20_000_000)) == 4 * GB


def test_a_group_without_a_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, 1_000_000, ("max", str(3 * GB), 0))
    assert memory.available(root) == 1_000_000 * 1024


def test_a_system_that_says_nothing(tmp_path: Path) -> None:
    assert memory.available(tmp_path) is None


def test_the_free_memory_of_the_gpu_that_cuda_calls_by_that_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpus = tuple(
        driver.Gpu(index=index, uuid=f"GPU-{index}", memory_free=index * GB) for index in range(3)
    )
    monkeypatch.setattr(driver, "ask", lambda _environ: driver.Nvml(True, gpus=gpus))
    assert memory.on_gpu(1, {}) == GB
    assert memory.on_gpu(0, {"CUDA_VISIBLE_DEVICES": "2,1"}) == 2 * GB
    assert memory.on_gpu(0, {"CUDA_VISIBLE_DEVICES": "GPU-1"}) == GB
    assert memory.on_gpu(0, {"CUDA_VISIBLE_DEVICES": ""}) is None


@pytest.mark.parametrize(
    ("line", "folder", "name", "unlimited"),
    [
        ("0::/slice/job", "sys/fs/cgroup", "memory.max", "max"),
        ("4:memory:/slice/job", "sys/fs/cgroup/memory", "memory.limit_in_bytes", str(2**63 - 4096)),
    ],
)
def test_the_limit_of_the_control_groups_above(
    tmp_path: Path, line: str, folder: str, name: str, unlimited: str
) -> None:
    assert memory.group_limit(tmp_path) is None
    job = tmp_path / folder / "slice" / "job"
    job.mkdir(parents=True)
    (tmp_path / "proc" / "self").mkdir(parents=True)
    (tmp_path / "proc" / "self" / "cgroup").write_text(f"7:cpu:/\n{line}\n")
    (job / name).write_text(unlimited)
    assert memory.group_limit(tmp_path) is None
    (job.parent / name).write_text(f"{300 << 20}\n")
    assert memory.group_limit(tmp_path) == 300 << 20
