"""The wheel: complete, and usable from any directory."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path

import uv

from tests.support.places import ROOT


def test_the_wheel_works_from_any_directory(tmp_path: Path) -> None:
    uv_bin = uv.find_uv_bin()
    wheels = tmp_path / "wheels"
    subprocess.run(
        [uv_bin, "build", "-q", "--wheel", "--out-dir", wheels, ROOT],
        check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = wheels.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("profiles", "constraints"):
        for path in (ROOT / folder).iterdir():
            assert f"mlenv/_shipped/{folder}/{path.name}" in carried
    assert "mlenv/py.typed" in carried
    templates = (ROOT / "mlenv/cli/render/templates").iterdir()
    assert {f"mlenv/cli/render/templates/{path.name}" for path in templates} <= carried
    licences = {Path(name).name for name in carried if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE.md"}
    tools = {**os.environ, "UV_TOOL_DIR": str(tmp_path / "tools"), "HOME": str(tmp_path),
             "UV_TOOL_BIN_DIR": str(tmp_path / "bin"), "UV_CACHE_DIR": _cache(uv_bin)}  # fmt: skip
    subprocess.run([uv_bin, "tool", "install", "-q", wheel], check=True, env=tools, cwd=tmp_path)
    done = subprocess.run(
        [tmp_path / "bin" / "mlenv", "lock", "--check"],
        cwd=tmp_path, env=tools, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / "tools") in done.stdout


def _cache(uv_bin: str) -> str:
    return subprocess.run([uv_bin, "cache", "dir"], capture_output=True, text=True).stdout.strip()
