"""Many at once on one environment: eight that change it, four that use it meanwhile."""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from mlenv.environment.install import whole
from tests.support.running import Loaded
from tests.support.steps import Bench

WRITERS, USERS = 8, 4
CHANGES: tuple[tuple[str, ...], ...] = (
    ("add", "notebook"),
    ("remove", "notebook"),
    ("install", "small.toml", "--no-verify"),
    ("rollback",),
    ("gc", "--keep", "2"),
    ("gc", "--keep", "1"),
    ("doctor", "--fix", "--yes", "--quick"),
    ("models", "pull", "small"),
    ("models", "remove", "small"),
    ("lock", "small.toml"),
    ("bundle", "small.toml", "-o", "~/usb"),
    ("shim", "install", "docker", "pins", "--project", "~/project"),
    ("status",),
)
# What others have done meanwhile may leave nothing to do; and the small environment has no
# faster-whisper, which the doctor says of it.
EXPECTED = {"not-requested", "nothing-to-roll-back-to", "model-missing"}
EXPECTED |= {"package-not-in-this-interpreter"}
# A program that imports late what somebody may be taking away.
USE = "import time, whisperer; time.sleep({}); import diarizer, tensors"


def crowd(bench: Bench, seconds: float, chance: random.Random) -> tuple[Counter[str], list[str]]:
    """Let them run for so long; returns what was done, how often, and what is wrong."""
    bench.start("two")
    counts, broken, end = Counter[str](), list[str](), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_repeat, args=(bench, each, chance.random(), counts, broken, end))
        for each in [_change] * WRITERS + [_use] * USERS
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = bench.run(("status", "--json"))
    if last.returncode or "Traceback" in last.stderr:
        broken.append(f"status at the end: {last.stdout}{last.stderr}")
    return counts, [*broken, *_incomplete(bench)]


Act = Callable[[Bench, Loaded, random.Random, Counter[str], list[str]], None]


def _repeat(
    bench: Bench, act: Act, seed: float, counts: Counter[str], broken: list[str], end: float
) -> None:
    chance, loaded = random.Random(seed), Loaded()
    try:
        while time.monotonic() < end:
            act(bench, loaded, chance, counts, broken)
    finally:
        loaded.close()


def _change(
    bench: Bench, loaded: Loaded, chance: random.Random, counts: Counter[str], broken: list[str]
) -> None:
    words = chance.choice(CHANGES)
    kill = chance.uniform(0.05, 2) if chance.random() < 0.1 else None
    done = bench.run((*words, "--json"), limit=kill, loaded=loaded)
    if done.returncode == -9:
        counts["changes at once, killed"] += 1
        return
    counts["changes at once"] += 1
    if "Traceback" in done.stderr or done.returncode not in (0, 1):
        broken.append(f"{' '.join(words)}: {done.returncode}: {done.stderr[-800:]}")
        return
    codes = {error["code"] for error in json.loads(done.stdout)["errors"]}
    if unexpected := codes - EXPECTED:
        broken.append(f"{' '.join(words)}: {unexpected}: {done.stdout[-500:]}{done.stderr[-500:]}")


def _use(
    bench: Bench, loaded: Loaded, chance: random.Random, counts: Counter[str], broken: list[str]
) -> None:
    code = USE.format(round(chance.uniform(0, 3), 2))
    done = bench.run(("exec", "python", "-c", code), loaded=loaded)
    counts["programs that used it meanwhile"] += 1
    if done.returncode:
        broken.append(f"exec: {done.returncode}: {done.stderr[-500:]}")


def _incomplete(bench: Bench) -> Iterator[str]:
    """What is not whole at the end, of every generation."""
    for folder in (bench.home / ".venvs/.ml.mlenv/generations").glob("*/"):
        if not (folder / "mlenv.json").exists():
            continue
        packages = next(folder.glob("lib/*/site-packages"))
        for info in packages.glob("*.dist-info"):
            yield from (f"{folder.name}: {line}" for line in whole._files(packages, info))
    argv = [str(bench.home / ".venvs/ml/bin/python"), "-c", "import whisperer, diarizer, tensors"]
    ran = subprocess.run(argv, capture_output=True, text=True)
    if ran.returncode:
        yield f"its imports fail: {ran.stderr}"
