"""The driver that a release of torch needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlenv.environment.install import family
from mlenv.environment.lockfile.locks import Lock, Pin
from mlenv.machine.host import Host
from mlenv.result import MlenvError

PINS = (Pin("torch", "2.15.0", "", ()), Pin("cuda-toolkit", "13.2.2", "", ()))
MADE = Lock(Path("own.txt"), "", "", "", PINS)


@pytest.mark.parametrize("driver", [None, "580.65.06", "595.10"])
def test_a_machine_that_runs_it(driver: str | None) -> None:
    family.refuse_driver(MADE, Host("linux-x86_64", "2.36", driver))


def test_a_driver_that_is_too_old_is_named_before_the_download() -> None:
    with pytest.raises(MlenvError) as caught:
        family.refuse_driver(MADE, Host("linux-x86_64", "2.36", "535.183.01"))
    assert (caught.value.message, caught.value.hint) == (
        "torch 2.15.0 is built for CUDA 13.2.2, which needs NVIDIA driver 580.65.06; this machine "
        "has 535.183.01.",
        "Leave the version out, and mlenv takes one that runs here.",
    )
