"""A day in one recording: bounded memory, and words from the first minute to the last.

    uv run python benchmarks/day.py [--venv DIR] [--hours 24] [--dense 64]

The first minutes (`--dense`) are full of speech; then comes one sentence an hour, and one at the
very end. It prints the most memory that mlenv and its worker had together, the speed, and the
sentences that were not heard in their place (there must be none).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from speech import CLIP, watched

from mlenv import paths
from mlenv.speech.verify import samples, scores

RATE = 16_000
BOUND = 1.5  # GiB
SENTENCE = "number ten fresh nelly is waiting on you good night husband"
LASTS = 5.215


def pcm(path: Path) -> bytes:
    argv = ["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    return subprocess.run(argv, check=True, capture_output=True).stdout


def sound(hours: float, dense: float) -> Iterator[tuple[float, bytes]]:
    """Pieces of the recording with the seconds at which they begin."""
    talk, sentence = pcm(samples.CONVERSATION), pcm(CLIP)
    at = 0.0
    while at < 60 * dense:
        yield at, talk
        at += len(talk) / 2 / RATE
    for hour in range(int(at // 3600) + 1, int(hours)):
        yield hour * 3600.0, sentence
    yield hours * 3600 - LASTS - 1, sentence


def make(path: Path, hours: float, dense: float) -> list[float]:
    """Write the recording; returns the times of its single sentences."""
    raw = ["-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "-"]
    encoder = subprocess.Popen(
        ["ffmpeg", "-v", "error", "-y", *raw, str(path)], stdin=subprocess.PIPE
    )
    assert encoder.stdin
    written, times = 0, []
    for begin, piece in sound(hours, dense):
        silence = 2 * (round(begin * RATE) - written // 2)
        for size in (min(1 << 20, silence - done) for done in range(0, silence, 1 << 20)):
            encoder.stdin.write(bytes(size))
        encoder.stdin.write(piece)
        written += silence + len(piece)
        if begin >= 60 * dense:
            times.append(begin)
    encoder.stdin.write(bytes(2 * RATE))
    encoder.stdin.close()
    encoder.wait()
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv")
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--dense", type=float, default=64)
    options = parser.parse_args()
    venv = paths.venv_path(options.venv, os.environ)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        audio, out = Path(name) / "day.flac", Path(name) / "out"
        times = make(audio, options.hours, options.dense)
        ours = [sys.executable, "-m", "mlenv", "exec", "--venv", venv, "transcribe", "--quiet"]
        ours += ["--model", "tiny.en", "--device", "cpu", "-f", "all", "-o", out, audio]
        began = time.time()
        run = watched(ours, dict(os.environ))
        speed = options.hours * 3600 / (time.time() - began)
        segments = json.loads((out / "day.json").read_text())["segments"]
        last = (out / "day.srt").read_text().split("-->")[-1].split()[0]
    missed = [time for time in times if not is_heard(segments, time)]
    print(f"{run.most:.2f} GiB at most (goal: {BOUND}); over time {run.over_time()}")
    print(f"{speed:.0f} times as fast as it plays; the last caption ends at {last}")
    print(f"first words at {segments[0]['start']:.1f} s; single sentences: {len(times)}")
    print(f"not heard in their place: {missed or 'none'}")
    sys.exit(bool(missed) or run.most > BOUND)


def is_heard(segments: list[dict], begin: float) -> bool:
    """Half a second around it, and one word in four may be another."""
    end = begin + LASTS
    here = [each for each in segments if begin - 0.5 <= each["start"] and each["end"] <= end + 0.5]
    return scores.word_error_rate([SENTENCE], [" ".join(each["text"] for each in here)]) <= 0.25


if __name__ == "__main__":
    main()
