"""The real environment, looked at for what decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.logs import AMBIGUOUS
from tests.support.running import Run

CUDNN = (
    "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9}\n"
    "Invalid handle. Cannot load symbol cudnnCreateTensorDescriptor\n"
)


@pytest.mark.heavy
def test_the_real_environment_confirms_a_log(mlenv: Run, real_venv: Path, tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(CUDNN)
    document = json.loads(mlenv("explain", "--venv", real_venv, "--json", log).stdout)
    first = document["data"]["diagnoses"][0]
    assert first["id"] == "cudnn9-sublib-not-on-loader-path"
    assert first["here"]["outcome"] in ("ok", "warn", "fail")
    assert "cudnn" in " ".join(first["here"]["evidence"]).lower()


@pytest.mark.heavy
def test_the_real_machine_decides_between_candidates(
    mlenv: Run, real_venv: Path, tmp_path: Path
) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("needs a machine without an NVIDIA GPU")
    log = tmp_path / "x.log"
    log.write_text(AMBIGUOUS)
    document = json.loads(mlenv("explain", "--venv", real_venv, "--json", log).stdout)
    found = [d["id"] for d in document["data"]["diagnoses"]]
    assert set(found) == {"driver-too-old", "no-nvidia-driver", "container-without-gpu"}
    assert found[0] == "no-nvidia-driver"
