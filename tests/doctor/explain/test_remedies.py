"""Remedies fit what the log says of versions and platform."""

from __future__ import annotations

import io
import re

import pytest

from mlenv.doctor.explain.rank import diagnose
from mlenv.doctor.explain.scan import scan
from tests.support.logs import explained


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            "RuntimeError: The NVIDIA driver on your system is too old (found version 12080).",
            "The driver knows CUDA 12.8, and the build wants a newer one, mostly CUDA 13",
        ),
        (
            "RuntimeError: The NVIDIA driver on your system is too old (found version 11040).",
            "The driver knows CUDA 11.4 only.",
        ),
        (
            'File "C:\\app\\main.py"\nAssertionError: Torch not compiled with CUDA enabled',
            "The package index has only CPU builds of torch for Windows.",
        ),
        (
            'File "/Users/me/main.py"\nAssertionError: Torch not compiled with CUDA enabled',
            "There is no CUDA on a Mac",
        ),
        (
            "torch 2.8.0\nRuntimeError: operator torchvision::nms does not exist",
            "torchvision 0.23 belongs to torch 2.8.0",
        ),
        (
            "RuntimeError: Could not load libtorchcodec. The PyTorch version (2.9.1+cpu) ..\n"
            "OSError: /v/torchcodec/libtorchcodec_core7.so: undefined symbol: hint",
            "The torch here is 2.9.1: install torchcodec 0.9",
        ),
        (
            "#14 2.345 RuntimeError: Found no NVIDIA driver on your system.",
            "A build step has no GPU.",
        ),
        (
            "kubectl logs whisper\nRuntimeError: Found no NVIDIA driver on your system.",
            "Ask for the GPU in the pod",
        ),
        (
            "RuntimeError: Library cublas64_12.dll is not found or cannot be loaded",
            "site-packages\\nvidia\\cublas\\bin on PATH",
        ),
    ],
)
def test_remedy_fits_the_log(log: str, said: str) -> None:
    assert said in explained(log)[0].remedy.prose


def test_no_brace_is_left_in_a_remedy() -> None:
    from mlenv.doctor import knowledge

    for entry in knowledge.entries().values():
        for variant in entry.variants:
            named = set(re.findall(r"\{(\w+)\}", variant.prose))
            told = {condition.split()[0] for condition in variant.when}
            assert named <= told, entry.id  # a fact is named only where it must be known


def test_the_profile_in_use_decides_what_to_type() -> None:
    log = (
        b"torchvision 0.21.0+cu124 requires torch==2.6.0, "
        b"but you have torch 2.8.0 which is incompatible."
    )
    scanned = scan(io.BytesIO(log))
    found = diagnose(scanned, {"profile": "cu124"})[0]
    assert found.entry.id == "dependency-replaced-torch"
    assert "of profile cu124: `mlenv install` builds it again" in found.remedy.prose
    found = diagnose(scanned)[0]
    assert "{profile}" not in found.remedy.prose and "mlenv add" not in found.remedy.prose
