"""Looking at the environment at hand for what decides."""

from __future__ import annotations

import json
from pathlib import Path

from mlenv.doctor.explain import confirm
from tests.support.logs import AMBIGUOUS, explained
from tests.support.running import Run


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
