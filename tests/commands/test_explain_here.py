"""Looking at the environment at hand for what decides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlenv.doctor.explain import confirm
from mlenv.doctor.explain.rank import Diagnosis
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


def test_the_log_is_explained_before_the_environment_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlenv.cli.table import main

    shown_before = []

    def look(found: list[Diagnosis], _venv: Path) -> tuple[list[Diagnosis], dict[str, object]]:
        shown_before.append(capsys.readouterr().out)
        seen = {
            "driver-too-old": confirm.Outcome("ok", ("driver 580",)),
            "no-nvidia-driver": confirm.Outcome("fail", ("no libcuda.so.1",)),
        }
        return confirm.reordered(found, seen), dict(seen)

    monkeypatch.setattr(confirm, "confirm", look)
    log = tmp_path / "x.log"
    log.write_text(AMBIGUOUS)
    assert main(["explain", "--here", "--venv", str(tmp_path), str(log)]) == 0
    (before,) = shown_before
    assert before.startswith("\nlikely: The NVIDIA driver is too old for this CUDA version")
    after = capsys.readouterr().out
    assert after.startswith(
        "\nOn this machine it is rather this:\n"
        "There is no NVIDIA driver, or no NVIDIA GPU, on this machine  no-nvidia-driver\n"
    )
    assert after.endswith(
        "  no-nvidia-driver\n"
        "  Here     fail: no libcuda.so.1\n"
        "  driver-too-old\n"
        "  Here     ok: driver 580\n"
    )


def test_where_nothing_can_be_looked_at_the_text_says_so(mlenv: Run, tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text(AMBIGUOUS)
    done = mlenv("explain", "--here", "--venv", tmp_path / "none", log)
    table, _, rest = done.stdout.partition("\nNot looked at: ")
    assert table.startswith("\nlikely: The NVIDIA driver is too old")
    assert str(tmp_path / "none") in rest
