"""A driver whose `nvmlInit` never returns: every command waits for the limit only, and says so."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mlenv.machine import driver
from tests.support.drivers import install_library, needs_gcc
from tests.support.running import Run

pytestmark = needs_gcc

LIMIT = 2.0  # seconds, instead of `driver.TIME_LIMIT`
WARNING = f"the NVIDIA driver did not answer within {LIMIT:g} s, so its GPUs are not known; "


@pytest.fixture
def hanging(driver_libraries: Path, tmp_path: Path) -> dict[str, str]:
    """Variables of a machine with such a driver."""
    place = tmp_path / "driver"
    place.mkdir()
    install_library(driver_libraries / "nvml.so", place, "libnvidia-ml.so.1", "550.54.14")
    return {
        "LD_LIBRARY_PATH": str(place),
        "STANDIN_HANG": "600",
        "MLENV_DRIVER_TIMEOUT": f"{LIMIT:g}",
    }


def test_the_limit_is_short_enough_to_be_waited_for() -> None:
    assert driver.time_limit({}) == driver.TIME_LIMIT <= 10.0
    assert driver.time_limit({"MLENV_DRIVER_TIMEOUT": "soon"}) == driver.TIME_LIMIT


@pytest.mark.parametrize("words", [("profiles",), ("profiles", "show", "cu124")])
def test_profiles(mlenv: Run, hanging: dict[str, str], words: tuple[str, ...]) -> None:
    began = time.monotonic()
    done = mlenv(*words, "--json", env=hanging)
    assert time.monotonic() - began < LIMIT + 10
    assert done.stderr.startswith(f"warning: {WARNING}")
    if words == ("profiles",):
        machine = json.loads(done.stdout)["data"]["machine"]
        assert (machine["gpus"], machine["driver_trouble"][: len(WARNING)]) == ([], WARNING)


def test_install_says_it_and_counts_the_driver_as_missing(
    mlenv: Run, hanging: dict[str, str], locked: Path, network: dict[str, str]
) -> None:
    done = mlenv("install", locked, "--no-verify", "--json", env={**network, **hanging})
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"warning: {WARNING}")


def test_the_doctor_says_it_and_reports_what_it_could_not_ask(
    mlenv: Run, hanging: dict[str, str], plain_venv: Path
) -> None:
    done = mlenv("doctor", "--json", "--venv", plain_venv, env=hanging)
    assert WARNING in done.stderr
    facts = json.loads(done.stdout)["data"]["facts"]
    assert facts["driver"]["nvml"]["error"] == driver.TIMED_OUT


def test_transcribe_says_it(mlenv: Run, hanging: dict[str, str], plain_venv: Path) -> None:
    """It asks for the GPU's memory to decide whether words and speakers fit side by side."""
    words = ("exec", "--venv", plain_venv, "transcribe", "--diarize", "none.wav")
    done = mlenv(*words, env=hanging)
    assert f"error: {WARNING}" in done.stderr
    assert "none.wav does not exist." in done.stderr
