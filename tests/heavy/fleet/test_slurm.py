"""The array job that `export --to sbatch` writes, run by a real Slurm with real models."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import PYTHON, UTTERANCES
from tests.support.running import Run
from tests.support.slurm import Cluster, cluster
from tests.support.speech import Transcribe

pytestmark = pytest.mark.heavy

PARTS = 3
SETTINGS = {  # what a user sets
    "#SBATCH --array=1-8%4": f"#SBATCH --array=1-{PARTS}%2",
    "parts=8 ": f"parts={PARTS} ",
    "--device cuda --model base": "--device cpu --model tiny.en",
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The list of recordings: names that are there twice, one that is none, one that is gone."""
    recordings = tmp_path / "recordings"
    for folder, names in {"monday": "libri_0?", "tuesday": "libri_0[1-6]"}.items():
        (recordings / folder).mkdir(parents=True)
        for path in UTTERANCES.glob(f"{names}_*.flac"):
            shutil.copy(path, recordings / folder)
    (recordings / "monday" / "bad.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    names = [*sorted(recordings.rglob("*.*")), recordings / "gone.wav"]
    listed = tmp_path / "recordings.txt"
    listed.write_text("".join(f"{name}\n" for name in names))
    return listed


def transcripts(folder: Path) -> dict[str, Any]:
    """Every transcript by its name below the folder: its text, or its document without times."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*.*"):
        if ".mlenv" not in path.parts and path.is_file():
            text = path.read_text("utf-8")
            found[str(path.relative_to(folder))] = text
            if path.suffix == ".json":
                found[str(path.relative_to(folder))] = {**json.loads(text), "timings": None}
    return found


def exported(mlenv: Run, venv: Path, target: Path) -> Path:
    done = mlenv("export", "cu124", "--to", "sbatch", "--venv", venv, "-o", target)
    assert done.returncode == 0, done.stderr
    text = target.read_text()
    for old, new in SETTINGS.items():
        assert old in text
        text = text.replace(old, new)
    target.write_text(text)
    return target


def interrupt(slurm: Cluster, job: str, output: Path) -> tuple[int, int]:
    """Kill one task with SIGKILL and put another back into the queue, both at work."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        running = [task.number for task in slurm.tasks(job) if task.state == "RUNNING"]
        if len(running) == 2 and list(output.glob("**/*.txt")):
            slurm.kill(job, running[0])
            slurm.run("scontrol", "requeue", f"{job}_{running[1]}")
            return running[0], running[1]
        time.sleep(0.05)
    raise AssertionError(slurm.tasks(job))


def test_an_array_job_does_what_one_run_does(
    mlenv: Run,
    transcribe: Transcribe,
    real_venv: Path,
    model_cache: Path,
    archive: Path,
    tmp_path: Path,
) -> None:
    """Also where one task is killed, and another one begun again by Slurm, in the middle."""
    words = ("--device", "cpu", "--format", "txt,json")
    local = transcribe("--files-from", archive, *words, "--output-dir", tmp_path / "local")
    assert local.returncode == 1
    script = exported(mlenv, real_venv, tmp_path / "transcribe.sbatch")
    output = tmp_path / "transcripts"
    with cluster(tmp_path / "slurm", cpus=8) as slurm:
        slurm.environ |= {
            "PATH": f"{PYTHON.parent}:{slurm.environ['PATH']}",
            "MLENV_CACHE_DIR": str(model_cache),
        }
        job = slurm.submit(script, cwd=tmp_path)
        killed, requeued = interrupt(slurm, job, output)
        tasks = {task.number: task for task in slurm.wait(job, PARTS)}
        assert (tasks[killed].state, tasks[killed].exit_code) == ("FAILED", 9)
        before = transcripts(output)
        expected = transcripts(tmp_path / "local")
        assert before.items() <= expected.items()  # each is whole
        again = slurm.submit(script, f"--array={killed}", cwd=tmp_path)
        slurm.wait(again, 1)
        assert transcripts(output) == expected
        stamps = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
        last = slurm.submit(script, cwd=tmp_path)
        codes = [task.exit_code for task in slurm.wait(last, PARTS)]
        wrong = slurm.submit(script, "--array=4", cwd=tmp_path)
        assert [task.exit_code for task in slurm.wait(wrong, 1)] == [2]
    assert stamps == {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert len(expected) == 2 * 15
    logs = {path.name: path.read_text() for path in tmp_path.glob("transcribe-*.log")}
    assert "attempt 2" in logs[f"transcribe-{job}_{requeued}.log"]
    assert f"note: this job does 1 of {PARTS} parts" in logs[f"transcribe-{again}_{killed}.log"]
    assert "task 4 is none of 1 to 3" in logs[f"transcribe-{wrong}_4.log"]
    own = [text for name, text in logs.items() if name.startswith(f"transcribe-{last}_")]
    errors = re.findall(r"^error: .*/(\w+\.wav) ", "\n".join(own), re.MULTILINE)
    assert sorted(errors) == ["bad.wav", "gone.wav"]
    assert sum(code == 1 for code in codes) == sum("error: " in text for text in own)
    assert set(codes) <= {0, 1}
    written = re.findall(r": (\S+\.txt), ", "\n".join(logs.values()))
    assert {name: count for name, count in Counter(written).items() if count > 1} == {}
