"""What only a machine with an NVIDIA GPU can show. Elsewhere: skipped, and it says so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mlenv.doctor import examine, snapshot
from mlenv.doctor.facts import target
from mlenv.machine import host

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not host.collect().gpus, reason="this machine has no NVIDIA GPU"),
]


def test_the_gpu_is_seen_and_computes(real_venv: Path) -> None:
    report = examine.examine(target.of_venv(real_venv))
    outcomes = {finding.id: finding.outcome for finding in report.findings}
    assert "fail" not in outcomes.values()
    assert outcomes["gpu-computation-fails"] == "ok"
    assert outcomes["cudnn-not-initialized"] == "ok"
    (run,) = report.facts.probes("gpu")
    assert [step.name for step in run.steps if step.error or not step.finished] == []
    directories = {file.rpartition("/")[0] for file in run.mapped if "libcudnn_" in file}
    assert len(directories) == 1


def test_its_facts_can_be_kept_without_names(real_venv: Path) -> None:
    report = examine.examine(target.of_venv(real_venv))
    text = snapshot.written(report.facts, [str(Path.home())], [os.environ.get("USER", "")])
    judged = examine.judge(snapshot.read(text, "here"))
    assert [f.outcome for f in judged.findings] == [f.outcome for f in report.findings]
    assert json.loads(text)["facts"]["driver"]["nvml"]["gpus"]
