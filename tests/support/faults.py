"""Stand-ins for the workers, which do to each file what the file says.

A file is a JSON object {"transcriber": FAULT, "diarizer": FAULT}, where FAULT is a signal's name,
`once NAME`, `then NAME` (afterwards), `wait SECONDS`, or the code of an event `failed`. The words
are the file's name; the speaker is the text of the samples that came over. A file that is cancelled
ends as in the real workers. `log` has a line for each file, `loads` also for each model, and
`settings` those of each file that came with its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlenv.speech.workers import protocol

ENTRY = Path(protocol.__file__).with_name("__main__.py")
WORKER = """
import json, os, queue, runpy, signal, sys, threading, time
from pathlib import Path
runpy.run_path(ENTRY)["end_with_parent"]()
name = sys.argv[1]
def emit(**event): print(json.dumps(event), flush=True)
def die(number): sys.stdout.flush(); os.kill(os.getpid(), getattr(signal, number))
config = json.loads(sys.stdin.readline())
if Path(__file__).with_name(f"no-{name}").exists():
    sys.exit("ModuleNotFoundError: No module named 'speech'")
deaths = Path(__file__).with_name(f"deaths-of-{name}")
if deaths.exists() and (left := int(deaths.read_text())):
    deaths.write_text(str(left - 1))
    die("SIGKILL")
emit(event="ready", device="cpu", seconds={}, why="asked for", at_once=config.get("at_once", 1),
     compute_type="int8" if name == "transcriber" else None)
def keep(text, *names):
    for each in names:
        with Path(__file__).with_name(each).open("a", errors="replace") as log:
            log.write(text + "\\n")
keep(f"{name} {config.get('model') or config['pipeline']['kind']}", "loads")
requests, cancelled = queue.SimpleQueue(), set()
def listen():
    for line in sys.stdin:
        request = json.loads(line)
        cancelled.add(request["cancel"]) if "cancel" in request else requests.put(request)
    requests.put(None)
threading.Thread(target=listen, daemon=True).start()
def end_cancelled():
    if number in cancelled:
        emit(event="failed", id=number, code="cancelled", message="was cancelled")
    return number in cancelled
while request := requests.get():
    number, path = request["id"], Path(request["path"])
    keep(f"{name} {path.stem}", "log", "loads")
    if request["settings"] and name == "transcriber":
        keep(json.dumps(request["settings"]), "settings")
    fault = json.loads(path.open().read(4096).rstrip("\\0") or "{}").get(name, "")
    if name == "transcriber":
        if request["handover"]:
            Path(request["handover"]).write_text(f"said in {path.stem}")
        emit(event="decoded", id=number, duration=1.0, warnings=[], unread=0.0,
             path=request["handover"])
        text = path.stem.encode(errors="replace").decode()
        segment = {"start": 0.0, "end": 1.0, "text": text, "words": []}
        emit(event="segment", id=number, segment=segment)
    if fault.startswith("wait "):
        until = time.monotonic() + float(fault.split()[1])
        while time.monotonic() < until and number not in cancelled:
            time.sleep(0.01)
        if end_cancelled():
            continue
    elif fault.startswith("once "):
        if not path.with_suffix(".dead").exists():
            path.with_suffix(".dead").touch()
            die(fault.split()[1])
    elif fault.startswith("SIG"):
        die(fault)
    elif fault and not fault.startswith("then "):
        emit(event="failed", id=number, code=fault, message=f"failed: {fault}")
        continue
    if name == "transcriber":
        emit(event="transcribed", id=number, language="en", seconds={}, libraries=[])
    else:
        source = request["samples"]
        speaker = Path(source).read_text() if source else f"decoded {path.stem}"
        turns = [{"start": 0.0, "end": 1.0, "speaker": speaker}]
        emit(event="diarized", id=number, turns=turns, exclusive=turns, seconds={}, libraries=[])
    if fault.startswith("then "):
        die(fault.split()[1])
"""
# A run of `mlenv exec` in a process of its own, with these workers and no models.
RUN = """
import sys
from pathlib import Path
from mlenv.cli.commands import chosen_models, exec_
from mlenv.speech.transcribe import memory, worker_process
from mlenv.speech.transcribe.diarization import Pipeline
worker_process.ENTRY = Path(sys.argv[1])
memory.files_at_once = lambda _: 4
memory.for_both = memory.for_diarizer = lambda _: True
chosen_models.ChosenModels.words = lambda self, _: Path("/")
chosen_models.ChosenModels.speakers = lambda *_: Pipeline({"kind": "open"}, "finding speakers")
sys.exit(exec_.main(sys.argv[2:]))
"""


def worker(directory: Path) -> Path:
    """The script of the stand-ins, which keeps a `log` of the files beside itself."""
    directory.mkdir(exist_ok=True)
    path = directory / "worker.py"
    path.write_text(WORKER.replace("ENTRY", repr(str(ENTRY))))
    return path


def write(directory: Path, faults: Mapping[str, Mapping[str, str]]) -> list[Path]:
    """Files with these faults, by name."""
    files = [directory / f"{name}.wav" for name in faults]
    for file, fault in zip(files, faults.values(), strict=True):
        file.write_text(json.dumps(fault))
    return files


def command(venv: Path, directory: Path, *words: str | Path) -> list[str]:
    """The command line of `mlenv exec transcribe` with the stand-ins."""
    script = str(worker(directory / "stand-in"))
    start = [sys.executable, "-c", RUN, script, "--venv", str(venv), "transcribe", "--device=cpu"]
    return [*start, *map(str, words)]


def transcribe(
    venv: Path, directory: Path, *words: str | Path, env: Mapping[str, str] | None = None, **kw: Any
) -> subprocess.CompletedProcess[str]:
    """Run `mlenv exec transcribe` with the stand-ins in `directory`."""
    return subprocess.run(
        command(venv, directory, *words),
        cwd=directory,
        env={**os.environ, **(env or {})},
        **{"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **kw},
    )
