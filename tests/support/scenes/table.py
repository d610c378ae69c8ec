"""The environments that the doctor is held to: broken ones, odd ones that work, the rest."""

from __future__ import annotations

from tests.support.scenes.broken import BROKEN
from tests.support.scenes.odd import ODD

TABLE = {**BROKEN, **ODD}

# What no test here can make, and why.
ELSEWHERE = {
    "a PYTHONHOME that is gone": "no Python starts with it, mlenv's own neither",
    "a GPU, its driver, CUDA's calls": "no GPU in most machines: tests/heavy/gpu",
    "WSL, Windows, macOS": "another system: their facts are stand-ins in tests/doctor/checks",
    "a control group without memory": "a container's groups are its host's: tests/doctor",
    "wheels for another torch or cuDNN": "small venvs of real wheels: test_torch, test_broken",
}
