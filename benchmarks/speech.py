"""Transcription and diarization against the tools themselves: same models, same audio, one run.

    uv run python benchmarks/speech.py [--venv DIR] [--files 1000] [--only clip,meeting,many]

Each of the others is installed into a venv of its own (`peers.py`); whisper-ctranslate2 is also
measured on the environment's own packages. whisperX gets the same Whisper model and the same
diarization weights (`open_weights.py`). The weights of its alignment are on no package index, so it
goes without (`--no_align`): unlike mlenv it then knows no word's time, and gives speakers to whole
segments.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import peers
from timing import Command, Comparison, compare, keep

from mlenv import paths
from mlenv.environment import launch
from mlenv.speech import models
from mlenv.speech.verify import samples

Argv = list[str | Path]
UTTERANCES = Path(__file__).parent.parent / "tests" / "data" / "utterances"
CLIP = UTTERANCES / "libri_01_spk1089.flac"

PLAIN = """
import sys
from faster_whisper import WhisperModel
model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8")
segments, _ = model.transcribe(sys.argv[2])
print(" ".join(segment.text for segment in segments))
"""

# The same conversation over and over, to so many seconds.
LONG = """
import sys
import numpy, soundfile
samples, rate = soundfile.read(sys.argv[1], dtype="int16")
wanted = int(float(sys.argv[3]) * rate)
soundfile.write(sys.argv[2], numpy.tile(samples, wanted // len(samples) + 1)[:wanted], rate)
"""


CONFIG = """\
version: 3.1.0
pipeline:
  name: open_weights.OpenWeights
  params:
    segmentation: {segmentation}/pytorch_model.bin
    embedding: {embedding}
    clustering: AgglomerativeClustering
    segmentation_batch_size: 32
    embedding_batch_size: 32
params:
  segmentation:
    min_duration_off: 0.0
  clustering:
    method: centroid
    min_cluster_size: 3
    threshold: 0.7
"""


@dataclass(frozen=True)
class Run:
    """Seconds of a whole process tree, by the clock and of the processor.

    And its memory every 0.2 s (GiB, shared pages once).
    """

    seconds: float
    cpu_s: float
    memory: Sequence[float]

    @property
    def most(self) -> float:
        return max(self.memory)

    def over_time(self) -> str:
        """The most in each fifth of the time: flat, or not."""
        size = max(1, len(self.memory) // 5)
        fifths = [self.memory[n : n + size] for n in range(0, 5 * size, size)]
        return " ".join(f"{max(part, default=0):.2f}" for part in fifths)


def watched(argv: Argv, env: dict[str, str]) -> Run:
    """Run a command and look at its memory meanwhile."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        [str(word) for word in argv], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    seen = []

    def watch() -> None:
        while process.poll() is None:
            seen.append(sum(map(_proportional, _family(process.pid))) / 2**20)
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    watcher.join()
    if code:
        sys.exit(f"{argv} failed ({code})")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(took, cpu, seen)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(int(child)))]


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--only", default="clip,meeting,many")
    options = parser.parse_args()
    venv = paths.venv_path(options.venv, os.environ)
    python = venv / "bin" / "python"
    environment = launch.build(venv, os.environ).applied_to(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    model = models.find(models.by_name("tiny.en")).path
    ours: Argv = [sys.executable, "-m", "mlenv", "exec", "--venv", venv, "transcribe"]
    ours += ["--model", "tiny.en", "--device", "cpu", "--quiet"]
    results: list[Comparison] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whisperx = peers.whisperx()
        environment["PATH"] = f"{whisperx}:{environment['PATH']}"
        theirs: Argv = [whisperx / "whisperx", "--model", model, "--device", "cpu"]
        theirs += ["--compute_type", "int8", "--no_align", "--language", "en"]
        theirs += ["--output_dir", folder / "x", "--vad_method", "pyannote"]
        x = Command("whisperX", [*theirs, CLIP], environment)
        options_of_it: Argv = ["--model_directory", model, "--device", "cpu", "--language", "en"]
        options_of_it += ["--compute_type", "int8", "--output_dir", folder / "c"]
        command, packages = peers.ctranslate2_beside(python)

        def beside(*files: str | Path) -> Command:
            name = "whisper-ctranslate2 in the environment"
            there = {**environment, "PYTHONPATH": str(packages)}
            return Command(name, [*command, *options_of_it, *files], there)

        def apart(*files: str | Path) -> Command:
            argv = [peers.ctranslate2(), *options_of_it, *files]
            return Command("whisper-ctranslate2 in its own venv", argv)

        if "clip" in options.only:
            what = "transcribe a 5 s clip with tiny.en, started fresh"
            mine = Command("mlenv exec transcribe", [*ours, CLIP])
            plain = Command("plain faster-whisper script", [python, "-c", PLAIN, model, CLIP])
            results.append(compare(what, mine, plain, runs=9, goal=0.35))
            for other, goal in ((beside, 0.4), (apart, 1.0)):
                results.append(compare(what, mine, other(CLIP), runs=9, goal=goal))
            results.append(compare(what, mine, x, runs=3, goal=0.12))
        if "meeting" in options.only:
            results.append(meeting(folder, python, ours, theirs, environment))
        if "many" in options.only:
            alone: Argv = [python, "-c", PLAIN, model]
            results.extend(many(folder, options.files, ours, alone, x, apart))
    keep("speech", results)


def meeting(
    folder: Path, python: Path, ours: Argv, theirs: Argv, environment: dict[str, str]
) -> Comparison:
    """Who said what in ten minutes, and the memory that it takes."""
    audio, config = folder / "meeting.wav", folder / "pipeline" / "config.yaml"
    subprocess.run([python, "-c", LONG, samples.CONVERSATION, audio, "600"], check=True)
    config.parent.mkdir()
    places = {
        "segmentation": models.find(models.by_name("segmentation-3.0")).path,
        "embedding": models.find(models.by_name("campplus")).path,
    }
    config.write_text(CONFIG.format(**places))
    here = Path(__file__).parent
    environment = {
        **environment,
        "PYTHONPATH": f"{here}:{here.parent / 'mlenv' / 'speech'}",
        "PYANNOTE_METRICS_ENABLED": "0",
    }
    mine = [*ours, "--diarize", "--diarize-model", "open", "-o", folder / "o"]
    other = [*theirs, "--diarize", "--diarize_model", config.parent]
    without_path = {k: v for k, v in environment.items() if k != "PYTHONPATH"}
    watched([*mine, CLIP], without_path), watched([*other, CLIP], environment)  # to warm up
    one, two = watched([*mine, audio], without_path), watched([*other, audio], environment)
    more = {
        "cpu_s": round(one.cpu_s),
        "their_cpu_s": round(two.cpu_s),
        "memory_gib": round(one.most, 2),
        "their_memory_gib": round(two.most, 2),
    }
    what = "10 minutes, words and speakers"
    return _compared(what, one.seconds, ("whisperX", two.seconds), 0.18, **more)


def many(
    folder: Path,
    count: int,
    ours: Argv,
    alone: Argv,
    whisperx: Command,
    ctranslate2: Callable[..., Command],
) -> Iterator[Comparison]:
    """A short file among many in one process, against a process of its own, and theirs for all."""
    clips = sorted(UTTERANCES.glob("*.flac"))
    (folder / "many").mkdir()
    for number in range(count):
        shutil.copy(clips[number % len(clips)], folder / "many" / f"{number:04}.flac")
    scripts = [Command("plain faster-whisper script", [*alone, clip]) for clip in clips]
    before = [script.seconds() for script in scripts]
    run = watched([*ours, "-o", folder / "m", folder / "many"], dict(os.environ))
    after = [script.seconds() for script in scripts]
    shutil.rmtree(folder / "m")
    what = f"a short file, of {count} in one process"
    more = {"cpu_s": round(run.cpu_s / count, 3), "gib_over_time": run.over_time()}
    other = ("a plain script for each", statistics.median(before + after))
    yield _compared(what, run.seconds / count, other, round(1 / 12, 3), **more)
    other = ("a whisperX for each", statistics.median(whisperx.seconds() for _ in range(3)))
    yield _compared(what, run.seconds / count, other, None, **more)
    theirs = ctranslate2(*sorted((folder / "many").iterdir()))
    whole = watched(list(theirs.argv), dict(os.environ))
    more["their_cpu_s"] = round(whole.cpu_s / count, 3)
    other = ("whisper-ctranslate2 with all", whole.seconds / count)
    yield _compared(what, run.seconds / count, other, round(1 / 1.5, 2), **more)


def _compared(
    what: str, ours: float, theirs: tuple[str, float], goal: float | None, **more: object
) -> Comparison:
    name, seconds = theirs
    ratio = ours / seconds
    result = Comparison(
        what, "mlenv exec transcribe", name, ours, seconds, ratio, goal, more=dict(more)
    )
    print(result.line(), dict(more), flush=True)
    return result


if __name__ == "__main__":
    main()
