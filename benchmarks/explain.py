"""What `mlenv explain` costs: one error text, start included; a log of 50 MB; memory; recall.

    uv run python benchmarks/explain.py

The long log is the healthy logs of the tests over and over, with one error as its last line. A
second one has words drawn at random from the table's own wordings, the worst case for the search.
"""

from __future__ import annotations

import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from timing import RESULTS

from mlenv.doctor import knowledge

DATA = Path(__file__).parent.parent / "tests" / "data" / "explain"
ERROR = b"RuntimeError: Library libcublas.so.12 is not found or cannot be loaded\n"
SIZE = 50_000_000
REPEATS = 7


def seconds(log: Path) -> tuple[float, str]:
    """Wall time of one `mlenv explain LOG` in a fresh process, and the first diagnosis."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "mlenv", "explain", "--no-here", "--json", log], capture_output=True
    )
    taken = time.perf_counter() - begun
    found = json.loads(done.stdout)["data"]["diagnoses"]
    return taken, found[0]["id"] if found else "nothing"


def healthy() -> Iterator[bytes]:
    logs = b"".join(path.read_bytes() for path in sorted((DATA / "healthy").glob("*.log")))
    yield from (logs for _ in range(SIZE // len(logs) + 1))


def scrambled() -> Iterator[bytes]:
    generator = random.Random(1)
    table = knowledge.entries().values()
    words = sorted({w for e in table for s in e.signatures for m in s.match for w in m.split()})
    size = 0
    while size < SIZE:
        line = (" ".join(generator.choices(words, k=12)) + "\n").encode()
        size += len(line)
        yield line


def main() -> None:
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.write_bytes(ERROR)
        times = [seconds(log)[0] for _ in range(REPEATS)]
        rows["one error text, start included"] = (statistics.median(times), min(times))
        for name, content in (("50 MB, real lines", healthy()), ("50 MB, scrambled", scrambled())):
            with log.open("wb") as stream:
                stream.writelines(content)
                stream.write(b"\n" + ERROR)
            taken, first = seconds(log)
            rows[f"{name} (first: {first})"] = (taken, taken)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    text = "\n".join(
        [f"{name:52} {median:7.2f} s  best {best:6.2f} s" for name, (median, best) in rows.items()]
        + [f"{'largest process':52} {peak:7.0f} MB"]
    )
    print(text)
    (RESULTS / "explain.txt").write_text(text + "\n")


if __name__ == "__main__":
    main()
