"""Looking at the environment at hand for what decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlenv.doctor.explain import confirm
from tests.support.logs import explained
from tests.support.running import Run

AMBIGUOUS = "CUDA failed with error CUDA driver version is insufficient for CUDA runtime version"
CUDNN = (
    "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9}\n"
    "Invalid handle. Cannot load symbol cudnnCreateTensorDescriptor\n"
)


def test_what_the_machine_confirms_goes_first() -> None:
    found = explained(AMBIGUOUS)
    seen = {
        "driver-too-old": confirm.Outcome("skip", ()),
        "no-nvidia-driver": confirm.Outcome("fail", ("no libcuda.so.1",)),
        "container-without-gpu": confirm.Outcome("ok", ()),
    }
    assert [(d.entry.id, d.confidence, d.instead_of) for d in confirm.reordered(found, seen)] == [
        ("no-nvidia-driver", "high", ""),
        ("driver-too-old", "medium", "no-nvidia-driver"),
        ("container-without-gpu", "low", "no-nvidia-driver"),
    ]


def test_where_the_machine_says_nothing_the_order_stays() -> None:
    found = explained(AMBIGUOUS)
    assert confirm.reordered(found, {}) == found


def test_an_explanation_is_not_lost_where_there_is_no_environment(
    mlenv: Run, tmp_path: Path
) -> None:
    log = tmp_path / "x.log"
    log.write_text(AMBIGUOUS)
    document = json.loads(
        mlenv("explain", "--here", "--venv", tmp_path / "none", "--json", log).stdout
    )
    assert document["data"]["diagnoses"][0]["id"] == "driver-too-old"
    assert document["errors"][0]["code"] == "no-environment"


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
