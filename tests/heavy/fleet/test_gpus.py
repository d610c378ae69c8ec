"""Actors for GPUs, on real nodes of Ray that declare some: there is none on this machine.

Ray, the actors and the launch environment are real. In the place of mlenv on the nodes is a program
that tells which device the transcription would have been asked for, and which GPU it would see
there, and that waits until each actor has a file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mlenv import __version__
from mlenv.fleet.ray.job import RayJob
from mlenv.speech.transcribe import events, inputs
from mlenv.speech.transcribe.options import parse
from tests.support.ray_cluster import cluster

NODES, GPUS = 2, 2

STANDIN = f"""#!{sys.executable}
import json, os, subprocess, sys, time
from pathlib import Path

if "--version" in sys.argv:
    print("mlenv {__version__}")
    raise SystemExit
venv, meeting = sys.argv[sys.argv.index("--venv") + 1], Path(__file__).with_name("meeting")
show = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"
launched = [sys.executable, "-m", "mlenv", "exec", "--venv", venv, "python", "-c", show]
for line in sys.stdin:
    (meeting / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(list(meeting.iterdir())) < {NODES * GPUS} and time.monotonic() < until:
        time.sleep(0.1)
    seen = subprocess.run(launched, capture_output=True, text=True).stdout.strip()
    device = [word for word in sys.argv if word.startswith("--device")]
    actor = os.getppid()
    node = Path(f"/proc/{{actor}}/stat").read_text().rpartition(")")[2].split()[1]
    told = {{"actor": actor, "node": node, "seen": seen, "words": device}}
    request = json.loads(line)
    file = {{"event": "file", "id": request["id"], "text": json.dumps(told), "duration": 1.0}}
    print(json.dumps({{**file, "warnings": []}}))
    print(json.dumps({{"event": "end", "id": request["id"], "errors": []}}), flush=True)
"""


@pytest.mark.heavy
def test_each_gpu_of_each_node_has_an_actor_that_sees_no_other(
    ray_venv: Path, model_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meeting").mkdir()
    (tmp_path / "mlenv").write_text(STANDIN)
    (tmp_path / "mlenv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for number in range(NODES * GPUS):
        (tmp_path / f"{number}.wav").write_text("sound")
    with cluster(ray_venv, model_cache, 0) as nodes:
        for _ in range(NODES):
            nodes.add(cpus=4, gpus=GPUS)
        monkeypatch.setattr(sys, "executable", "/nowhere/python")  # nodes take mlenv from PATH
        words = [str(tmp_path), "--engine=ray", f"--address={nodes.address}", "-o", "out"]
        job = RayJob(ray_venv, parse([*words, "--model=tiny.en"]))
        try:
            sources = inputs.survey([str(tmp_path)], recursive=False).sources
            happening = list(job.run(sources, Path, lambda: pytest.fail("no speakers")))
        finally:
            job.close()
    answers: list[dict[str, Any]] = [
        json.loads(event.transcript["text"])
        for event in happening
        if isinstance(event, events.Finished)
    ]
    seen: dict[str, set[str]] = {}
    for answer in answers:
        seen.setdefault(answer["node"], set()).add(answer["seen"])
    assert list(seen.values()) == [{"0", "1"}] * NODES
    assert len({answer["actor"] for answer in answers}) == NODES * GPUS
    assert {tuple(answer["words"]) for answer in answers} == {("--device=cuda",)}
    assert isinstance(happening[-1], events.Note)
    assert happening[-1].text.endswith("GPU hours")
