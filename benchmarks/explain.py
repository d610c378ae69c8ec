"""What `mlenv explain` costs: one error text, start included; a log of 50 MB; memory; recall.

    uv run python benchmarks/explain.py

The other side is `grep -F` for all wordings of the table, which finds lines and explains nothing.
The long log is the healthy logs of the tests over and over, with one error as its last line. A
second one has words drawn at random from the table's own wordings, the worst case for the search.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from timing import keep, of_pairs

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


def grep(log: Path, wordings: Path) -> float:
    """Wall time of `grep -F` for all wordings, which counts their lines.

    Into a pipe: with `/dev/null` as its output it ends at the first line that it finds.
    """
    begun = time.perf_counter()
    argv = ["grep", "-a", "-c", "-F", "-f", wordings, log]
    subprocess.run(argv, stdout=subprocess.PIPE)
    return time.perf_counter() - begun


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, wordings = Path(folder) / "log", Path(folder) / "wordings"
        table = knowledge.entries().values()
        wordings.write_text(
            "\n".join(sorted({m for e in table for s in e.signatures for m in s.match}))
        )
        kinds: dict[str, tuple[Iterator[bytes], int]] = {
            "one error text": (iter(()), REPEATS),
            "50 MB, real lines": (healthy(), 3),
            "50 MB, scrambled": (scrambled(), 3),
        }
        results = []
        for name, (content, runs) in kinds.items():
            with log.open("wb") as stream:
                stream.writelines(content)
                stream.write(b"\n" + ERROR)
            turns = [(seconds(log), grep(log, wordings)) for _ in range(runs)]
            pairs = [(ours, theirs) for (ours, _), theirs in turns]
            first = turns[0][0][1]
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            more = {"first": first, "largest_process_mb": round(peak)}
            what = f"explain {name}, start included"
            results.append(of_pairs(what, "mlenv explain", "grep -F", pairs, **more))
            print(results[-1].line(), more, flush=True)
    keep("explain", results)


if __name__ == "__main__":
    main()
