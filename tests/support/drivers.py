"""Stand-ins for NVIDIA's driver libraries, built from `standin/*.c`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.places import ROOT

needs_gcc = pytest.mark.skipif(
    shutil.which("gcc") is None and "CI" not in os.environ, reason="gcc builds the stand-ins"
)


@pytest.fixture(scope="session")
def driver_libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `cuda.so` and `nvml.so`."""
    built = tmp_path_factory.mktemp("standin")
    for name in ("cuda", "nvml"):
        source = ROOT / "tests/support/standin" / f"{name}.c"
        argv: list[str | Path] = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror"]
        argv += ["-o", built / f"{name}.so", source]
        subprocess.run(argv, check=True)
    return built


def install_library(built: Path, place: Path, name: str, version: str) -> None:
    """Put a library under the name that its version has, and a link under the usual one."""
    real = place / f"{name.removesuffix('.1')}.{version}"
    shutil.copy(built, real)
    (place / name).symlink_to(real.name)
