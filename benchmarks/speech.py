"""Transcription and diarization against the tools themselves: same models, same audio, one run.

    uv run python benchmarks/speech.py [--venv DIR] [--files 1000] [--only clip,meeting,many]

whisperX (3.8.6) is installed into a venv of its own below the user's cache. It can't diarize
without an account, so its time for the meeting is for the words alone, and ours for words and
speakers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from timing import Command, Comparison, compare, keep

from mlenv import launch, models, paths, samples, uv

UTTERANCES = Path(__file__).parent.parent / "tests" / "data" / "utterances"
CLIP = UTTERANCES / "libri_01_spk1089.flac"
WHISPERX = "whisperx==3.8.6"

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


def whisperx_venv() -> Path:
    venv = Path("~/.cache/mlenv-benchmarks/whisperx").expanduser()
    if not (venv / "bin" / "whisperx").exists():
        subprocess.run([uv.binary(), "venv", "-q", "--python", "3.11", venv], check=True)
        install = [uv.binary(), "pip", "install", "-q", "--python", venv / "bin" / "python"]
        subprocess.run([*install, WHISPERX, "imageio-ffmpeg"], check=True)  # it calls ffmpeg
        found = "import imageio_ffmpeg as f; print(f.get_ffmpeg_exe())"
        said = subprocess.run(
            [venv / "bin" / "python", "-c", found], check=True, capture_output=True, text=True
        )
        (venv / "bin" / "ffmpeg").symlink_to(said.stdout.strip())
    return venv


def memory(argv: Sequence[str | Path], env: dict[str, str]) -> tuple[float, float]:
    """Seconds, and the most memory (GiB, shared pages counted once) of a whole process tree."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in argv], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    most = 0.0

    def watch() -> None:
        nonlocal most
        while process.poll() is None:
            most = max(most, sum(map(_proportional, _family(process.pid))))
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    took = time.perf_counter() - began
    watcher.join()
    if code:
        sys.exit(f"{argv} failed ({code})")
    return took, most / 2**20


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
    model = models.find(models.named("tiny.en")).path
    ours = [sys.executable, "-m", "mlenv", "exec", "--venv", venv, "transcribe"]
    ours += ["--model", "tiny.en", "--device", "cpu", "--quiet"]
    results: list[Comparison] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whisperx = whisperx_venv() / "bin"
        environment["PATH"] = f"{whisperx}:{environment['PATH']}"
        theirs = [whisperx / "whisperx", "--model", model, "--device", "cpu"]
        theirs += ["--compute_type", "int8", "--no_align", "--language", "en"]
        theirs += ["--output_dir", folder / "x", "--vad_method", "pyannote"]
        if "clip" in options.only:
            what = "transcribe a 5 s clip with tiny.en, started fresh"
            mine = Command("mlenv exec transcribe", [*ours, CLIP])
            plain = Command("plain faster-whisper script", [python, "-c", PLAIN, model, CLIP])
            results.append(compare(what, mine, plain, goal=0.4))
            x = Command("whisperX", [*theirs, CLIP], environment)
            results.append(compare(what, mine, x, runs=3, goal=0.15))
        if "meeting" in options.only:
            meeting = folder / "meeting.wav"
            argv = [python, "-c", LONG, samples.CONVERSATION, meeting, "600"]
            subprocess.run(argv, check=True)
            words = [*ours, "--diarize", "--diarize-model", "open", "-o", folder / "o", meeting]
            sides = [memory(argv, environment) for argv in (words, [*theirs, meeting])]
            results.append(
                _compared(
                    "10 minutes: words and speakers against whisperX's words alone", sides, 0.6
                )
            )
            print(f"  memory {sides[0][1]:.2f} GiB against {sides[1][1]:.2f} GiB")
        if "many" in options.only:
            many = folder / "many"
            many.mkdir()
            clips = sorted(UTTERANCES.glob("*.flac"))
            for number in range(options.files):
                shutil.copy(clips[number % len(clips)], many / f"{number:04}.flac")
            took, peak = memory([*ours, "-o", folder / "m", many], environment)
            each = [took / options.files]
            print(f"{options.files} short files in one process: {took:.1f} s, {peak:.2f} GiB")
            script = [python, "-c", PLAIN, model, CLIP]
            alone = [memory(script, environment)[0] for _ in range(5)]
            pair = [(each[0], peak), (sorted(alone)[2], 0.0)]
            what = "a short file, of many in one process, against a process for each"
            results.append(_compared(what, pair, 0.05))
    keep("speech", results)


def _compared(what: str, sides: Sequence[tuple[float, float]], goal: float) -> Comparison:
    (ours, _), (theirs, _) = sides
    names = ("mlenv exec transcribe", "the other")
    result = Comparison(what, *names, ours, theirs, ours / theirs, goal)
    print(result.line(), flush=True)
    return result


if __name__ == "__main__":
    main()
