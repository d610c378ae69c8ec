"""`exec transcribe --engine ray` on a real cluster of several nodes, with real models.

The test that kills its parts is for `pytest -m chaos`. `$MLENV_TEST_RAY_FILES`: number of short
recordings there (100).
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import wave
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import UTTERANCES
from tests.support.ray_cluster import Cluster, cluster
from tests.support.recordings import ffmpeg

FEW, COUNT = 12, int(os.environ.get("MLENV_TEST_RAY_FILES", "100"))
SECONDS = 2.0  # of a recording
SEED = int(os.environ.get("MLENV_TEST_RAY_SEED", "1"))


def archive(tmp_path: Path, count: int) -> Path:
    """A folder with short recordings, of which some have one name, and one that is none."""
    recordings = tmp_path / "recordings"
    pieces: list[bytes] = []
    for path in sorted(UTTERANCES.glob("*.flac")):
        whole = tmp_path / f"{path.stem}.wav"
        ffmpeg("-i", path, "-ac", "1", "-ar", "16000", "-c:a", "pcm_s16le", whole)
        with wave.open(str(whole)) as audio:
            samples, piece = audio.readframes(audio.getnframes()), int(SECONDS * 16000) * 2
        pieces += [samples[at : at + piece] for at in range(0, len(samples) - piece, 1600)]
    for number, piece in enumerate(random.Random(SEED).sample(pieces, count)):
        path = recordings / f"day {number % 7}" / f"{number // 7}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as audio:
            audio.setparams((1, 2, 16000, 0, "NONE", ""))
            audio.writeframes(piece)
    (recordings / "bad.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    return recordings


class Runs:
    """Runs of one command line, with what each printed to standard error."""

    def __init__(self, venv: Path, cache: Path, recordings: Path) -> None:
        words = ["exec", "--venv", venv, "transcribe", "--recursive", "--model=tiny.en"]
        self._command = [sys.executable, "-m", "mlenv", *words, "--format=txt,json", recordings]
        self._environ = {**os.environ, "MLENV_CACHE_DIR": str(cache)}
        self._folder = recordings.parent
        self.printed: list[str] = []

    def start(self, *words: str | Path) -> subprocess.Popen[bytes]:
        with (self._folder / f"stderr-{len(self.printed)}").open("wb") as stderr:
            process = subprocess.Popen([*self._command, *words], env=self._environ, stderr=stderr)
        self.printed.append("")
        return process

    def end(self, process: subprocess.Popen[bytes]) -> int:
        code = process.wait(600)
        last = len(self.printed) - 1
        self.printed[last] = (self._folder / f"stderr-{last}").read_text()
        return code

    def run(self, *words: str | Path) -> int:
        return self.end(self.start(*words))


def transcripts(folder: Path) -> dict[str, Any]:
    """Every file below the folder but the records: its text, or its document without times."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*"):
        if ".mlenv" not in path.parts and path.is_file():
            text = path.read_text("utf-8")
            name = str(path.relative_to(folder))
            found[name] = {**json.loads(text), "timings": None} if name[-4:] == "json" else text
    return found


def disturb(
    nodes: Cluster, driver: subprocess.Popen[bytes], output: Path, killed: list[str]
) -> None:
    """Kill parts of the cluster at random moments, and mlenv itself in the end."""
    choice, killer = random.Random(SEED), iter(("worker", "process", "node", "actor", "worker"))
    until = time.monotonic() + 600
    while driver.poll() is None and time.monotonic() < until:
        time.sleep(choice.uniform(0.5, 2.0))
        if len(list(output.glob("**/*.json"))) <= 2 * len(killed):
            continue  # each has cost one file at the most
        part = next(killer, "driver")
        if part == "driver":
            driver.send_signal(signal.SIGKILL)
            killed.append(part)
            return
        if part == "node":
            nodes.kill_node()
            nodes.add()
            killed.append(part)
        else:
            while not nodes.kill(part, choice) and driver.poll() is None:
                time.sleep(0.2)  # the one before has not been replaced yet
            killed.append(part)


def errors(printed: str) -> Sequence[str]:
    return re.findall(r"^error: (.*)$", printed, re.MULTILINE)


@pytest.mark.heavy
def test_a_cluster_does_what_one_machine_does(
    ray_venv: Path, model_cache: Path, tmp_path: Path
) -> None:
    runs = Runs(ray_venv, model_cache, archive(tmp_path, FEW))
    assert runs.run("--output-dir", tmp_path / "local", "--device=cpu") == 1
    output = tmp_path / "output"
    with cluster(ray_venv, model_cache) as nodes:
        words = ("--engine=ray", f"--address={nodes.address}", "--resume", "--output-dir", output)
        assert runs.run(*words) == 1
        assert errors(runs.printed[1]) == errors(runs.printed[0])
        assert runs.run(*words) == 1
    assert transcripts(output) == transcripts(tmp_path / "local")
    assert len(transcripts(output)) == 2 * FEW
    assert f"skipped {FEW} of {FEW + 1}" in runs.printed[-1]


@pytest.mark.chaos
def test_a_cluster_whose_parts_die_does_what_one_machine_does(
    ray_venv: Path, model_cache: Path, tmp_path: Path
) -> None:
    runs = Runs(ray_venv, model_cache, archive(tmp_path, COUNT))
    assert runs.run("--output-dir", tmp_path / "local", "--device=cpu") == 1
    (bad,) = errors(runs.printed[0])
    output, killed = tmp_path / "output", list[str]()
    with cluster(ray_venv, model_cache) as nodes:
        words = ("--engine=ray", f"--address={nodes.address}", "--resume", "--output-dir", output)
        driver = runs.start(*words)
        disturb(nodes, driver, output, killed)
        assert (runs.end(driver), killed[-1]) == (-signal.SIGKILL, "driver")
        expected = transcripts(tmp_path / "local")
        half = transcripts(output).items()
        assert {name: text for name, text in half if expected.get(name) != text} == {}
        assert runs.run(*words) == 1  # all nodes have one address: it may meet the one that is gone
        assert errors(runs.printed[-1]) == [bad]
        until = time.monotonic() + 30
        while (left := nodes.left()) and time.monotonic() < until:
            time.sleep(0.5)
        assert left == []
        stamps = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
        assert runs.run(*words) == 1
    assert transcripts(output) == expected
    assert len(transcripts(output)) == 2 * COUNT
    assert stamps == {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert f"skipped {COUNT} of {COUNT + 1}" in runs.printed[-1]
    assert Counter(killed) == {"worker": 2, "process": 1, "actor": 1, "node": 1, "driver": 1}
    again = re.findall(r"is tried once more: (.*)", "".join(runs.printed))
    assert 1 <= len(again) <= len(killed)
    written = re.findall(r"^\S.*: (\S.*\.txt), ", "".join(runs.printed[1:]), re.MULTILINE)
    assert {name for name, count in Counter(written).items() if count > 1} == set()
    assert re.search(r"times real time, \d+\.\d\d hours of workers\n", runs.printed[-2])
