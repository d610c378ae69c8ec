"""Measure what `scale.py` reckons with: real runs of `--engine ray` on nodes of this machine."""

from __future__ import annotations

import contextlib
import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from mlenv import __version__  # noqa: E402
from mlenv.cli.commands.transcribe import transcribe  # noqa: E402
from mlenv.fleet.ray.environment_process import EnvironmentProcess  # noqa: E402
from mlenv.speech.transcribe.options import parse  # noqa: E402
from tests.support.places import UTTERANCES  # noqa: E402
from tests.support.ray_cluster import cluster  # noqa: E402

FILES, MODEL, WORKERS = 60, "tiny.en", (1, 2, 4)
MANY = 400  # files that nobody transcribes, for what mlenv and Ray need for each
SPEECH_S = (2.0, 18.0)  # the shortest and the longest recording

# In the place of mlenv on the nodes: it answers at once.
AT_ONCE = f"""#!{sys.executable}
import json, sys
if "--version" in sys.argv:
    print("mlenv {__version__}")
    raise SystemExit
segment = {{"start": 0.0, "end": 1.0, "text": "words", "words": []}}
segment |= {{"speaker": None, "channel": None}}
file = {{"event": "file", "text": "words", "duration": 1.0, "segments": [segment] * 9}}
file |= {{"language": "en", "language_probability": 1.0, "speakers": [], "turns": []}}
file |= {{"timings": {{}}, "warnings": []}}
for line in sys.stdin:
    number = json.loads(line)["id"]
    print(json.dumps({{**file, "id": number}}))
    print(json.dumps({{"event": "end", "id": number, "errors": []}}), flush=True)
"""

FETCH = """
import sys, tempfile, time
sys.path.insert(0, sys.argv[1])
import objects
times = []
with tempfile.TemporaryDirectory() as folder:
    for url in sys.argv[2:]:
        began = time.perf_counter()
        objects.fetch(url, folder, "content")
        times.append(time.perf_counter() - began)
print(sorted(times)[len(times) // 2])
"""


def archive(folder: Path) -> float:
    """Recordings of many lengths, cut out of read speech; returns their seconds."""
    whole = bytearray()
    for path in sorted(UTTERANCES.glob("*.flac")):
        decode: list[str | Path] = ["ffmpeg", "-v", "error", "-i", path]
        decode += ["-ac", "1", "-ar", "16000", "-f", "s16le", "-"]
        whole += subprocess.run(decode, check=True, capture_output=True).stdout
    draw, seconds = random.Random(1), 0.0
    for number in range(FILES):
        length = draw.uniform(*SPEECH_S)
        first = draw.randrange(0, len(whole) - int(length * 32000)) // 2 * 2
        with wave.open(str(folder / f"{number:03}.wav"), "wb") as audio:
            audio.setparams((1, 2, 16000, 0, "NONE", ""))
            audio.writeframes(whole[first : first + int(length * 16000) * 2])
        seconds += length
    return seconds


@contextlib.contextmanager
def times_of_events() -> Iterator[list[tuple[float, dict[str, Any]]]]:
    """What the pool says, with the time of each."""
    heard: list[tuple[float, dict[str, Any]]] = []
    real = EnvironmentProcess.receive

    def receive(self: EnvironmentProcess) -> dict[str, Any]:
        event = real(self)
        heard.append((time.perf_counter(), event))
        return event

    EnvironmentProcess.receive = receive  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        EnvironmentProcess.receive = real  # type: ignore[method-assign]


def run(
    venv: Path, cache: Path, recordings: Path, workers: int
) -> tuple[float, float, list[dict[str, Any]]]:
    """One run on nodes of a core each: seconds in all, those until the first answer, answers."""
    with cluster(venv, cache, workers) as nodes, tempfile.TemporaryDirectory() as output:
        words = [str(recordings), "--engine=ray", f"--address={nodes.address}", "--quiet"]
        options = parse([*words, "-o", output, "--format=txt,json", f"--model={MODEL}"])
        began = time.perf_counter()
        with times_of_events() as heard, contextlib.redirect_stderr(io.StringIO()):
            result = transcribe(venv, options)
        took = time.perf_counter() - began
        assert result.ok, result.errors
    ready = next(at for at, event in heard if event["event"] == "capacity") - began
    return took, ready, [event for _, event in heard if event["event"] == "answer"]


def line_through(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Seconds of a file beside its length, and seconds for each second of audio."""
    slope, start = statistics.linear_regression(*zip(*points, strict=True))
    return start, slope


def measured(venv: Path, cache: Path) -> dict[str, Any]:
    """All figures of this machine. `venv`: an environment with ray, `cache`: with the model."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recordings = folder / "recordings"
        recordings.mkdir()
        seconds = archive(recordings)
        runs = []
        for workers in WORKERS:
            took, ready, answers = run(venv, cache, recordings, workers)
            lengths = [answer["lines"][0]["duration"] for answer in answers]
            points = list(zip(lengths, (answer["seconds"] for answer in answers), strict=True))
            file_s, per_second = line_through(points[workers:])  # the first ones load the model
            loads = [took - file_s - per_second * length for length, took in points[:workers]]
            runs.append(
                {
                    "workers": workers,
                    "seconds": round(took, 2),
                    "ready_s": round(ready, 2),
                    "load_s": round(statistics.mean(loads), 2),
                    "file_s": round(file_s, 3),
                    "speed": round(1 / per_second, 2),
                }
            )
            print(runs[-1], flush=True)
        return {
            "model": MODEL,
            "files": FILES,
            "audio_s": round(seconds, 1),
            "cores": len(os.sched_getaffinity(0)),
            "runs": runs,
            "driver_s": round(of_the_driver(venv, cache, folder), 4),
            "fetch_s": round(of_a_fetch(venv, recordings), 4),
        }


def of_the_driver(venv: Path, cache: Path, folder: Path) -> float:
    """Seconds for each file of mlenv and of the pool, where no file takes any time itself."""
    programs, recordings = folder / "bin", folder / "many"
    programs.mkdir()
    recordings.mkdir()
    (programs / "mlenv").write_text(AT_ONCE)
    (programs / "mlenv").chmod(0o755)
    for number in range(MANY):
        (recordings / f"{number}.wav").write_bytes(b"sound")
    real, path = sys.executable, os.environ["PATH"]
    os.environ["PATH"] = f"{programs}:{path}"
    sys.executable = "/nowhere/python"  # nodes take mlenv from PATH
    try:
        took, ready, _ = run(venv, cache, recordings, 4)
    finally:
        sys.executable, os.environ["PATH"] = real, path
    return (took - ready) / MANY


def of_a_fetch(venv: Path, recordings: Path) -> float:
    """Seconds to fetch a short recording from a web server of this machine, the median."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(recordings))
    handler.func.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        names = sorted(path.name for path in recordings.iterdir())
        urls = [f"http://127.0.0.1:{server.server_port}/{name}" for name in names]
        script: list[str | Path] = [
            venv / "bin" / "python",
            "-c",
            FETCH,
            ROOT / "mlenv" / "fleet" / "ray",
            *urls,
        ]
        done = subprocess.run(script, check=True, capture_output=True, text=True)
        server.shutdown()
    return float(done.stdout)
