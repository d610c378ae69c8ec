"""A worker that stays, against the inference alone, and against a process for each recording.

    uv run python benchmarks/serve.py [--venv DIR] [--runs 20] [--model tiny.en] [--requests 0]

The inference alone is the workers' own function in a process that has loaded the model before: no
mlenv beside it, no JSON. Plain faster-whisper stays too, with the same model in int8, a beam of 5
and voice detection; it hears in other windows. Each turn transcribes one clip with all of them.
`--requests N` then sends N short ones and tells the memory of the worker after a tenth of them, and
at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from timing import Command, keep, of_pairs

from mlenv import paths
from mlenv.environment import launch
from mlenv.speech import models
from mlenv.speech.transcribe import requests
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.worker_process import ENTRY
from mlenv.speech.verify import samples

UTTERANCES = Path(__file__).parent.parent / "tests" / "data" / "utterances"
CLIPS = sorted(UTTERANCES.glob("*.flac"))

# Read paths, and answer each with its text.
ALONE = f"""
import runpy, sys
from pathlib import Path
sys.modules["torch"] = None
runpy.run_path({str(ENTRY)!r})["load_package"](Path({str(ENTRY)!r}).parent)
from mlenv_workers.load_model import load
from mlenv_workers.protocol import FileRequest, SegmentFound, TranscriberConfig
from mlenv_workers.transcribe_file import transcribe
options = {{"language": "en", "vad_filter": True, "word_timestamps": False,
           "condition_on_previous_text": False}}
config = TranscriberConfig(sys.argv[1], "cpu", 0, "auto", 0, 1, None, options)
engine = load(config, lambda device: None).engine
for line in sys.stdin:
    texts = []
    def keep(event):
        if isinstance(event, SegmentFound):
            texts.append(event.segment["text"])
    transcribe(keep, engine, config, FileRequest(0, line.rstrip("\\n")))
    print(" ".join(texts) or "-", flush=True)
"""
PLAIN = """
import sys
sys.modules["torch"] = None
from faster_whisper import WhisperModel
model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8", cpu_threads=int(sys.argv[2]))
for line in sys.stdin:
    segments, _ = model.transcribe(
        line.rstrip("\\n"), language="en", vad_filter=True, condition_on_previous_text=False
    )
    print(" ".join(segment.text.strip() for segment in segments) or "-", flush=True)
"""


class Talk:
    """A process that answers each line of its input by some lines of its output."""

    def __init__(self, argv: list[str | Path], env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(word) for word in argv],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid

    def seconds(self, line: str, is_last: Callable[[str], bool] = bool) -> float:
        """Seconds from a line that is sent to its last answer."""
        assert self._process.stdin and self._process.stdout
        began = time.perf_counter()
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        for answer in self._process.stdout:
            if is_last(answer):
                return time.perf_counter() - began
        sys.exit(f"{self._process.args} ended with {self._process.wait()}")

    def close(self) -> None:
        self._process.communicate()


def request(clip: Path) -> str:
    return json.dumps({"id": 1, "audio": str(clip)})


def is_end(line: str) -> bool:
    return bool(json.loads(line)["event"] == "end")


def cpu(pid: int) -> float:
    """CPU seconds of a process and its children so far."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu(int(child)) for child in children)


def megabytes(pid: int) -> float:
    """Resident memory of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = Path(f"/proc/{pid}/status").read_text()
    own = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    return own + sum(megabytes(int(child)) for child in children)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--requests", type=int, default=0)
    options = parser.parse_args()
    venv = paths.venv_path(options.venv, os.environ)
    environment = launch.build(venv, os.environ).applied_to(os.environ)
    model = models.find(models.by_name(options.model)).path
    words: list[str | Path] = [sys.executable, "-m", "mlenv", "exec", "--venv", venv, "transcribe"]
    words += ["--model", options.model, "--device", "cpu", "--language", "en", "--quiet"]
    ours = Talk([*words, "--serve"], dict(os.environ))
    threads = str(min(4, len(os.sched_getaffinity(0))))
    python = venv / "bin" / "python"
    settings = requests.settings("transcriber", parse(["-"]))  # as the workers have them
    others = {
        "the inference alone": Talk([python, "-c", ALONE, model], environment | settings),
        "plain faster-whisper that stays": Talk([python, "-c", PLAIN, model, threads], environment),
    }
    results = []
    for name, clip in (("5 s", CLIPS[0]), ("44 s", samples.CONVERSATION)):
        ours.seconds(request(clip), is_end)
        for other in others.values():
            other.seconds(str(clip))
        everyone = [ours, *others.values()]
        before = [cpu(each.pid) for each in everyone]
        turns = [
            [ours.seconds(request(clip), is_end), *(o.seconds(str(clip)) for o in others.values())]
            for _ in range(options.runs)
        ]
        spent = [cpu(e.pid) - b for e, b in zip(everyone, before, strict=True)]
        what = f"a request of {name} with {options.model} to a worker that stays"
        for number, other in enumerate(others, 1):
            pairs = [(turn[0], turn[number]) for turn in turns]
            goal = 1.1 if number == 1 else None
            more = {
                "cpu_s": round(spent[0] / options.runs, 3),
                "their_cpu_s": round(spent[number] / options.runs, 3),
            }
            name_of_ours = "exec transcribe --serve"
            results.append(of_pairs(what, name_of_ours, other, pairs, goal=goal, **more))
            print(results[-1].line(), more, flush=True)
    for other in others.values():
        other.close()
    if options.requests:
        print(f"{options.requests} requests", flush=True)
        for number in range(options.requests + 1):
            ours.seconds(request(CLIPS[number % len(CLIPS)]), is_end)
            if number in (options.requests // 10, options.requests):
                print(f"  after {number}: {megabytes(ours.pid):.0f} MB", flush=True)
    ours.close()
    staying = Talk([*words, "--serve"], dict(os.environ))
    staying.seconds(request(CLIPS[0]), is_end)
    fresh = Command("a process for each", [*words, CLIPS[0]])
    pairs = [
        (staying.seconds(request(CLIPS[0]), is_end), fresh.seconds())
        for _ in range(max(3, options.runs // 4))
    ]
    what = f"a request of 5 s with {options.model}, and a call of its own"
    results.append(of_pairs(what, "exec transcribe --serve", "exec transcribe", pairs))
    print(results[-1].line(), flush=True)
    staying.close()
    keep("serve", results)


if __name__ == "__main__":
    main()
