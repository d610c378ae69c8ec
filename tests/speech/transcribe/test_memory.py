"""Which models fit into which memory, by /proc and control groups as they are on real machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.machine import driver
from mlenv.speech.transcribe import memory
from mlenv.speech.transcribe.options import parse

GB = memory.GB


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
    assert memory.in_all(machine(tmp_path, 2_000_000)) == 2_000_000 * 1024


def test_what_a_container_has_left(tmp_path: Path) -> None:
    root = machine(tmp_path, 20_000_000, (str(4 * GB), str(3 * GB), GB // 2))
    assert memory.in_all(root) == 1.5 * GB


def test_a_group_without_a_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, 1_000_000, ("max", str(3 * GB), 0))
    assert memory.in_all(root) == 1_000_000 * 1024


def test_a_system_that_says_nothing(tmp_path: Path) -> None:
    assert memory.in_all(tmp_path) is None


@pytest.mark.parametrize(
    ("free", "model", "fits"),
    [(4.0, "base", True), (2.4, "base", False), (4.0, "large-v3", False), (4.1, "large-v3", True)],
)
def test_both_on_a_cpu(
    free: float, model: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "in_all", lambda: free * GB)
    options = parse(["a.wav", "--diarize", "--device", "cpu", "--model", model])
    assert memory.for_both(options) is fits


@pytest.mark.parametrize(("free", "fits"), [(6.0, False), (8.0, True)])
def test_both_on_a_gpu(free: float, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "on_gpu", lambda *_: free * GB)
    options = parse(["a.wav", "--diarize", "--device", "cuda", "--model", "large-v3"])
    assert memory.for_both(options) is fits


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (4.0, "4.0 GB of GPU memory are free: --model large-v3 --compute-type int8 would fit."),
        (
            2.5,
            "2.5 GB of GPU memory are free: --model large-v3-turbo --compute-type int8 would fit.",
        ),
        (1.5, "1.5 GB of GPU memory are free: --model base --compute-type int8 would fit."),
        (
            1.0,
            "1.0 GB of GPU memory are free, too little for any other model: end what uses it. Or "
            "use --device cpu.",
        ),
    ],
)
def test_what_would_fit_on_a_gpu(free: float, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "on_gpu", lambda *_: free * GB)
    assert memory.advice(parse(["a.wav", "--model", "large-v3"]), "cuda") == said


def test_what_would_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "in_all", lambda: 2.0 * GB)
    said = "2.0 GB of memory are free: --model large-v3-turbo --compute-type int8 would fit."
    assert memory.advice(parse(["a.wav", "--model", "large-v3"]), "cpu") == said


def test_the_free_memory_of_the_gpu_that_cuda_calls_by_that_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpus = tuple(
        driver.Gpu(index=index, uuid=f"GPU-{index}", memory_free=index * GB) for index in range(3)
    )
    found = driver.Driver(nvml=driver.Nvml(True, gpus=gpus))
    monkeypatch.setattr(driver, "start", lambda _environ: None)
    monkeypatch.setattr(driver, "finish", lambda _child, _root: found)
    assert memory.on_gpu(1, {}) == GB
    assert memory.on_gpu(0, {"CUDA_VISIBLE_DEVICES": "2,1"}) == 2 * GB
    assert memory.on_gpu(0, {"CUDA_VISIBLE_DEVICES": "GPU-1"}) == GB
    assert memory.on_gpu(0, {"CUDA_VISIBLE_DEVICES": ""}) is None


@pytest.mark.parametrize(
    ("free", "model", "files"), [(1.0, "base", 1), (5.0, "base", 7), (5.0, "large-v3", 5)]
)
def test_how_many_files_at_once(
    free: float, model: str, files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "in_all", lambda: free * GB)
    assert memory.files_at_once(parse(["a.wav", "--model", model])) == files
