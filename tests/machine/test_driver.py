"""What is known of a driver that hangs, and of device nodes that can't be opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlenv.machine import driver
from mlenv.machine.driver import Node
from tests.support.drivers import install_library, needs_gcc


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with one node that opens and one that is no device at all."""
    (tmp_path / "dev/nvidiactl").mkdir(parents=True)
    (tmp_path / "dev/nvidia0").touch()
    return tmp_path


@needs_gcc
def test_the_nodes_are_known_where_nvml_hangs(root: Path, driver_libraries: Path) -> None:
    install_library(driver_libraries / "nvml.so", root, "libnvidia-ml.so.1", "550.54.14")
    environ = {
        **os.environ,
        "LD_LIBRARY_PATH": str(root),
        "STANDIN_HANG": "600",
        "MLENV_DRIVER_TIMEOUT": "1",
    }
    seen = driver.finish(driver.start(environ, root), root)
    assert seen.nvml.error == driver.TIMED_OUT
    assert seen.nodes == (
        Node(str(root / "dev/nvidiactl"), "EISDIR"),
        Node(str(root / "dev/nvidia0")),
    )


def test_a_probe_that_does_not_start_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PROBE", root / "gone.py")
    seen = driver.finish(driver.start(os.environ, root), root)
    assert (seen.nvml.error, seen.nodes) == ("the child that asked NVML ended with 2", ())
