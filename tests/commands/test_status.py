"""What `mlenv status` says of the last test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlenv.environment import receipts
from tests.support.running import Run
from tests.support.venvs import empty_venv


@pytest.mark.parametrize(
    ("problem", "said", "failures"),
    [
        ("", "passed {when} UTC, with another generation\n", []),
        (
            "the model base is gone\nfetch it",
            "failed {when} UTC, with another generation\n"
            "            base on cpu: the model base is gone\n",
            ["base on cpu: the model base is gone\nfetch it"],
        ),
    ],
)
def test_the_last_test_passed_or_failed(
    mlenv: Run, home: Path, problem: str, said: str, failures: list[str]
) -> None:
    venv = empty_venv(home / ".venvs/ml")
    rows = [receipts.Row(model="base", device="cpu", problem=problem)]
    receipt = receipts.of_now(venv, rows, [])
    state = {"XDG_STATE_HOME": str(home / "state")}
    receipts.keep(venv, receipt, state)
    said = said.format(when=receipt.when[:16].replace("T", " "))
    assert mlenv("status", env=state).stdout.endswith(f"\nlast test   {said}")
    verified = json.loads(mlenv("status", "--json", env=state).stdout)["data"]["verified"]
    assert verified == {"when": receipt.when, "generation": None, "failures": failures}
