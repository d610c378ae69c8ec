"""What `mlenv doctor --from DIR` costs: 1,000 snapshots judged together, start included; memory.

    uv run python benchmarks/fleet.py [--venv DIR] [--hosts N] [--runs N]

The other side is `json.load` for each of the files, which reads them and judges nothing. The
snapshots are made from real looks at an environment (full, quick, offline) and from the two of the
tests: each host has GPUs, a driver, a kernel and variables drawn at random, some have other
packages, a library elsewhere, a part of the job that failed, or a file that breaks off.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timing import keep, of_pairs

from mlenv import paths

DATA = Path(__file__).parent.parent / "tests" / "data" / "doctor"
# Looks at the environment: options, and variables of the user's.
LOOKS: tuple[tuple[tuple[str, ...], Mapping[str, str]], ...] = (
    ((), {}),
    (("--quick",), {}),
    ((), {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "4"}),
)
GPUS = (
    ("NVIDIA H100 80GB HBM3", 85_520_809_984, [9, 0]),
    ("NVIDIA A100-SXM4-80GB", 85_899_345_920, [8, 0]),
    ("NVIDIA L4", 24_152_899_584, [8, 9]),
    ("Tesla T4", 16_106_127_360, [7, 5]),
)
DRIVERS = (("550.54.15", 12040), ("535.129.03", 12020), ("570.86.10", 12080), ("450.80.02", 11000))
READING = "import json, sys; [json.load(open(file)) for file in sys.argv[1:]]"
# Judges, and says on standard error what memory (KiB) and seconds of the processor that took.
JUDGING = (
    "import resource, sys; from mlenv.cli.table import main; code = main(sys.argv[1:]); "
    "used = resource.getrusage(resource.RUSAGE_SELF); "
    "print(used.ru_maxrss, used.ru_utime + used.ru_stime, file=sys.stderr); sys.exit(code)"
)

Facts = dict[str, Any]


def looked_at(venv: Path, folder: Path) -> list[dict[str, Any]]:
    """Snapshots of the environment as `doctor` takes them, and those that were recorded."""
    documents = [json.loads((DATA / f"{name}.json").read_text()) for name in ("healthy", "broken")]
    for number, (options, variables) in enumerate(LOOKS):
        file = folder / f"look-{number}.json"
        argv = [sys.executable, "-m", "mlenv", "doctor", "--venv", venv, "--snapshot", file]
        subprocess.run(
            [*argv, *options], env={**os.environ, **variables}, stdout=subprocess.DEVNULL
        )
        documents.append(json.loads(file.read_text()))
    return documents


def with_gpus(facts: Facts, draw: random.Random) -> None:
    name, memory, capability = draw.choices(GPUS, [70, 15, 10, 5])[0]
    driver, cuda = draw.choices(DRIVERS, [85, 10, 4, 1])[0]
    number = draw.choices([8, 7, 4], [95, 1, 4])[0]
    gpu = {
        "name": name, "capability": capability, "memory_total": memory, "mig": False,
        "memory_free": memory - draw.randrange(10**9), "compute_mode": 0, "processes": 0,
        "ecc_uncorrected": draw.choices([0, 3], [99, 1])[0],
    }  # fmt: skip
    library = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"
    facts["driver"] = {
        "nvml": {
            "present": True, "library": library, "driver": driver, "cuda": cuda,
            "gpus": [{**gpu, "index": place, "uuid": f"GPU-{place}"} for place in range(number)],
        },
        "kernel": driver,
        "nodes": [{"file": f"/dev/nvidia{node}"} for node in ("ctl", "-uvm", *range(number))],
        "pci": [f"0000:{place:02x}:00.0" for place in range(8)],
    }  # fmt: skip


def varied(document: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """The snapshot of another host."""
    document = copy.deepcopy(document)
    facts = document.get("facts") or document["data"]["facts"]
    with_gpus(facts, draw)
    facts["machine"]["kernel"] = f"6.8.0-{draw.choice([45, 45, 45, 48, 51])}-generic"
    facts["machine"]["variables"] = {"CUDA_VISIBLE_DEVICES": "0"} if draw.random() < 0.02 else {}
    installed = facts["packages"]["distributions"]
    if draw.random() < 0.05:
        for each in draw.sample(installed, 5):
            each["version"] = f"{draw.randrange(9)}.{draw.randrange(9)}"
    if draw.random() < 0.02:
        installed.pop(draw.randrange(len(installed)))
    if draw.random() < 0.03:
        for run in facts["runs"]:
            run["mapped"] = [f.replace("/nvidia/cudnn/lib/", "/cudnn/") for f in run["mapped"]]
    if draw.random() < 0.02 and facts["trial"]:
        part = facts["trial"][0]
        part.update(did="", exit_code=1, last_words="ImportError: libcudnn.so.9: cannot open")
    return document


def written(documents: list[dict[str, Any]], hosts: int, folder: Path) -> tuple[int, list[Path]]:
    """Write the snapshots; returns their bytes, and those that don't break off."""
    draw, size, whole = random.Random(19), 0, []
    for number in range(hosts):
        text = json.dumps(varied(draw.choices(documents, [40, 2, 50, 4, 4])[0], draw), indent=1)
        file = folder / f"gpu{number:04}.json"
        if draw.random() < 0.002:
            text = text[: len(text) // 2]
        else:
            whole.append(file)
        file.write_text(text)
        size += len(text)
    return size, whole


def timed(argv: list[str]) -> tuple[float, str]:
    begun = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{argv[:4]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - begun, done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=paths.venv_path(None, os.environ))
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        documents = looked_at(options.venv, folder)
        hosts = folder / "hosts"
        hosts.mkdir()
        size, whole = written(documents, options.hosts, hosts)
        reading = [sys.executable, "-c", READING, *map(str, whole)]
        for kind, words in (
            ("text", ()),
            ("JSON", ("--json",)),
            ("page", ("--html", str(folder / "report.html"))),
        ):
            judging = [sys.executable, "-c", JUDGING, "doctor", "--from", str(hosts), *words]
            turns = [(timed(judging), timed(reading)) for _ in range(options.runs)]
            pairs = [(ours, theirs) for (ours, _), (theirs, _) in turns]
            used = [said.split()[-2:] for (_, said), _ in turns]
            memory = max(round(int(kib) / 1024) for kib, _ in used)
            cpu = round(statistics.median(float(seconds) for _, seconds in used), 2)
            what = f"judge {options.hosts:,} snapshots together, {kind}, start included"
            more = {"megabytes": round(size / 1e6), "memory_mb": memory, "cpu_s": cpu}
            ours, theirs = "mlenv doctor --from DIR", "json.load of each"
            results.append(of_pairs(what, ours, theirs, pairs, **more))
            print(results[-1].line(), more, flush=True)
    keep("fleet", results)


if __name__ == "__main__":
    main()
