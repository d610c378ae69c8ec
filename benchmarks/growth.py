"""How time and memory grow with the number of recordings, and with their length.

    uv run python benchmarks/growth.py [--venv DIR] [--files 10,100,1000] [--minutes 1,10,60,240]

Each row compares a size with the one before it: `ours` is the larger. With n times the work, the
ratio of the times is n to the power `exponent` (1: linear); the most memory of all processes
together should stay.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from speech import LONG, UTTERANCES, Run, watched
from timing import Comparison, keep

from mlenv import paths
from mlenv.speech.verify import samples

Size = tuple[str, float, Path]


def folders(folder: Path, counts: Sequence[int]) -> Iterator[Size]:
    clips = sorted(UTTERANCES.glob("*.flac"))
    for count in counts:
        place = folder / f"files-{count}"
        place.mkdir()
        for number in range(count):
            shutil.copy(clips[number % len(clips)], place / f"{number:05}.flac")
        yield f"{count} files", count, place


def recordings(folder: Path, python: Path, minutes: Sequence[int]) -> Iterator[Size]:
    for length in minutes:
        path = folder / f"{length}.wav"
        seconds = str(60 * length)
        subprocess.run([python, "-c", LONG, samples.CONVERSATION, path, seconds], check=True)
        yield f"{length} minutes", length, path
        path.unlink()


def grown(sizes: Iterator[Size], run: Callable[[Path], Run]) -> Iterator[Comparison]:
    before: tuple[str, float, Run] | None = None
    for name, size, path in sizes:
        one = run(path)
        print(f"{name}: {one.seconds:.1f} s, {one.most:.2f} GiB ({one.over_time()})", flush=True)
        if before:
            smaller, less, other = before
            ratio = one.seconds / other.seconds
            exponent = math.log(ratio) / math.log(size / less)
            more = {
                "exponent": round(exponent, 2),
                "memory_gib": round(one.most, 2),
                "memory_before_gib": round(other.most, 2),
            }
            names = (f"{name}, and {smaller}", name, smaller)
            yield Comparison(*names, one.seconds, other.seconds, ratio, None, more=more)
        before = name, size, one


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv")
    parser.add_argument("--files", default="10,100,1000")
    parser.add_argument("--minutes", default="1,10,60,240")
    options = parser.parse_args()
    venv = paths.venv_path(options.venv, os.environ)
    words = [sys.executable, "-m", "mlenv", "exec", "--venv", venv, "transcribe", "--quiet"]
    words += ["--model", "tiny.en", "--device", "cpu"]

    def run(path: Path) -> Run:
        return watched([*words, "-o", folder / f"{path.name}.out", path], dict(os.environ))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        counts, minutes = (
            [int(word) for word in text.split(",")] for text in (options.files, options.minutes)
        )
        rows = list(grown(folders(folder, counts), run))
        rows += grown(recordings(folder, venv / "bin" / "python", minutes), run)
    keep("growth", rows)


if __name__ == "__main__":
    main()
