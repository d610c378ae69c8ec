"""How the commands about an environment grow: with its distributions, generations, models' files.

    uv run python benchmarks/sizes.py [--distributions 1,10,100,300] [--generations 1,5,50]
        [--files 1,10,100,1000,10000]

In a HOME of its own, with tiny wheels from an index on the loopback interface (the one of the
tests), so that only numbers grow and no bytes. Each row compares a size with the one before it, as
in `growth.py`: `ours` is the larger, the fastest of three turns. `memory_mb` is that of the largest
process.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from timing import Comparison, keep

from tests.support.index import Index, serving

PROFILE = """\
for = "benchmarks"
python = ">=3.11"
platforms = ["linux-x86_64"]
resolved-as-of = "2025-12-19"
requires = [{requires}]
"""
TURNS = 3


@dataclass(frozen=True)
class Place:
    """A HOME of its own, and the variables with which mlenv finds the index."""

    home: Path
    environ: Mapping[str, str]

    def run(self, *words: str, ok: Sequence[int] = (0,)) -> tuple[float, float]:
        """Run mlenv; seconds by the clock, and the most memory of a process (MB)."""
        argv = [sys.executable, "-m", "mlenv", *words]
        began = time.perf_counter()
        process = subprocess.Popen(
            argv,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = process.stdout.read() if process.stdout else b""
        _, status, used = os.wait4(process.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        took = time.perf_counter() - began
        if code not in ok:
            sys.exit(f"{words} ended with {code}:\n{said.decode()}")
        return took, _peak(used)

    def fastest(self, *words: str, ok: Sequence[int] = (0,)) -> tuple[float, float]:
        turns = [self.run(*words, ok=ok) for _ in range(TURNS)]
        return min(turn[0] for turn in turns), max(turn[1] for turn in turns)

    def profile(self, name: str, requires: Sequence[str]) -> str:
        path = self.home / name
        path.write_text(PROFILE.format(requires=", ".join(f'"{each}"' for each in requires)))
        self.run("lock", str(path))
        return str(path)


def _peak(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1024


def place(root: Path, index: Index, name: str) -> Place:
    home = root / name
    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "UV_DEFAULT_INDEX": index.url,
        "UV_CACHE_DIR": str(root / "uv-cache"),
    }
    return Place(home, environ)


Seen = dict[str, tuple[float, float]]


def distributions(root: Path, index: Index, counts: Sequence[int]) -> Iterator[tuple[int, Seen]]:
    for number in range(max(counts)):
        index.add(f"part{number}", "1.0")
    for count in counts:
        here = place(root, index, f"distributions-{count}")
        profile = here.profile("own.toml", [f"part{number}==1.0" for number in range(count)])
        here.run("install", profile, "--no-verify", "--venv", str(here.home / "warm"))
        yield (
            count,
            {
                "build it from uv's cache": here.run("install", profile, "--no-verify"),
                "install with nothing to do": here.fastest("install", profile, "--no-verify"),
                "exec true": here.fastest("exec", "true"),
                "status": here.fastest("status"),
                "doctor --quick": here.fastest("doctor", "--quick", ok=(0, 1)),
            },
        )


def generations(root: Path, index: Index, counts: Sequence[int]) -> Iterator[tuple[int, Seen]]:
    here = place(root, index, "generations")
    built = 0
    for count in counts:
        for number in range(built, count):
            index.add("changing", f"1.{number}")
            profile = here.profile("own.toml", [f"changing==1.{number}"])
            here.run("install", profile, "--no-verify")
        built = count
        yield (
            count,
            {
                "install with nothing to do": here.fastest("install", profile, "--no-verify"),
                "exec true": here.fastest("exec", "true"),
                "status": here.fastest("status"),
                "gc --dry-run": here.fastest("gc", "--dry-run"),
                "rollback": here.run("rollback", str(built)),
            },
        )


def files(root: Path, index: Index, counts: Sequence[int]) -> Iterator[tuple[int, Seen]]:
    here = place(root, index, "files")
    index.add("part0", "1.0")
    here.run("install", here.profile("own.toml", ["part0==1.0"]), "--no-verify")
    own = here.home / ".cache/mlenv/models/mine"
    hub = here.home / ".cache/huggingface/hub/models--somebody--model/snapshots/0123"
    for folder in (own, hub):
        folder.mkdir(parents=True)
    made = 0
    for count in counts:
        for number in range(made, count):
            (hub if number % 2 else own).joinpath(f"{number}.bin").write_bytes(b"0" * 100)
        made = count
        yield (
            count,
            {
                "models list": here.fastest("models", "list"),
                "status": here.fastest("status"),
                "doctor --quick": here.fastest("doctor", "--quick", ok=(0, 1)),
            },
        )


def grown(what: str, sizes: Iterator[tuple[int, Seen]]) -> Iterator[Comparison]:
    before: tuple[int, Seen] | None = None
    for count, seen in sizes:
        for name, (seconds, memory) in seen.items():
            print(f"{count} {what}, {name}: {seconds:.3f} s, {memory:.0f} MB", flush=True)
            if before:
                less, other = before
                ratio = seconds / other[name][0]
                yield Comparison(
                    f"{name}: {count} {what}, and {less}",
                    f"{count}",
                    f"{less}",
                    seconds,
                    other[name][0],
                    ratio,
                    None,
                    more={
                        "exponent": round(math.log(ratio) / math.log(count / less), 2),
                        "memory_mb": round(memory),
                        "memory_before_mb": round(other[name][1]),
                    },
                )
        before = count, seen


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--distributions", default="1,10,100,300")
    parser.add_argument("--generations", default="1,5,50")
    parser.add_argument("--files", default="1,10,100,1000,10000")
    options = parser.parse_args()
    kinds = {
        "distributions": distributions,
        "generations": generations,
        "files of models": files,
    }
    numbers = (options.distributions, options.generations, options.files)
    rows: list[Comparison] = []
    with tempfile.TemporaryDirectory() as name, serving() as index:
        for (what, sizes), text in zip(kinds.items(), numbers, strict=True):
            counts = [int(word) for word in text.split(",")]
            rows += grown(what, sizes(Path(name), index, counts))
    keep("sizes", rows)


if __name__ == "__main__":
    main()
