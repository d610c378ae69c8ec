"""Disturb mlenv in every way that is known here, and count: what breaks is named.

uv run python -m tests.support.fault_series [SECONDS [SEED]]

Half of the time commands are killed, or a call of theirs fails; in a fifth many run at once; in the
rest they read what a stranger made. `--only faults|crowd|inputs` gives all of it to one of them.
`--every MOMENTS` kills each operation at each of its steps once, and at so many moments by chance,
however long that takes; `--part 1/2` does half of that.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support import steps
from tests.support.crowd import crowd
from tests.support.steps import ERRORS, OPERATIONS, Bench

SHARES = {"faults": 0.5, "crowd": 0.2, "inputs": 0.3}
KILLS = ("kill",) * 8 + ("moment",) * 6
# HOME as a file system of its own, with so many KiB or files more than it needs by chance.
ROOMS = {"size": "small disk, a real one", "nr_inodes": "few inodes, really"}


class Series:
    """Faults by chance. Every step is killed once before one is killed again."""

    def __init__(self, bench: Bench, chance: random.Random) -> None:
        self.bench, self.chance = bench, chance
        self.counts, self.broken = Counter[str](), list[str]()
        self._due: list[tuple[str, int]] = []
        self.steps = sum(len(bench.course(name).steps) for name in OPERATIONS)
        self.killed_at = set[tuple[str, int]]()

    def once(self) -> None:
        """Disturb one operation once."""
        rooms = tuple(ROOMS) if os.geteuid() == 0 else ()
        kind = self.chance.choice((*KILLS, *ERRORS, *rooms, "cut"))
        name = self.chance.choice(sorted(OPERATIONS))
        if kind == "cut":
            name = self.chance.choice([each for each in OPERATIONS if OPERATIONS[each].fetches])
        if kind == "kill":
            if not self._due:
                self._due = [(n, k + 1) for n in OPERATIONS for k in range(self._length(n))]
                self.chance.shuffle(self._due)
            self._killed_at(*self._due.pop())
        elif kind == "moment":
            self._killed_after(name)
        elif kind == "cut":
            number = self.chance.randrange(self.bench.course(name).requests)
            self._note("network cut", name, f"after {number} answers", cut=number)
        elif kind in ROOMS:
            room = self.chance.randrange(1, 60) if kind == "size" else self.chance.randrange(1, 40)
            self._note(ROOMS[kind], name, f"{kind} +{room}", room=f"{kind}={room}")
        else:
            at = self.chance.randint(1, self._length(name))
            self._note(ERRORS[kind], name, f"step {at}, {kind}", at=at, what=kind)

    def every(self, moments: int, part: tuple[int, int]) -> None:
        """Kill each operation at each of its steps, and `moments` times by chance."""
        all_of_it = [
            *((name, at + 1) for name in OPERATIONS for at in range(self._length(name))),
            *((name, 0) for name in OPERATIONS for _ in range(moments)),
        ]
        number, parts = part
        for name, at in all_of_it[number - 1 :: parts]:
            if at:
                self._killed_at(name, at)
            else:
                self._killed_after(name)

    def _killed_at(self, name: str, at: int) -> None:
        self.killed_at.add((name, at))
        self._note("killed at a step", name, f"step {at}", at=at)

    def _killed_after(self, name: str) -> None:
        after = self.chance.uniform(0.01, max(self.bench.course(name).seconds, 0.02))
        self._note("killed at a moment by chance", name, f"after {after:.3f} s", after=after)

    def _length(self, name: str) -> int:
        return len(self.bench.course(name).steps)

    def _note(self, kind: str, name: str, where: str, **fault: object) -> None:
        problem = self.bench.disturbed(name, **fault)  # type: ignore[arg-type]
        is_kill = kind.startswith("killed")
        self.counts[kind if not is_kill or self.bench.killed else "killed after the end"] += 1
        if problem:
            self.broken.append(problem)
            print(f"{kind}: {name}, {where}: {problem}", flush=True)


def faults(seconds: float, chance: random.Random) -> int:
    with tempfile.TemporaryDirectory() as folder, steps.opened(Path(folder)) as bench:
        series, end = Series(bench, chance), time.monotonic() + seconds
        while time.monotonic() < end:
            series.once()
    return told(series)


def every(moments: int, part: tuple[int, int], chance: random.Random) -> int:
    with tempfile.TemporaryDirectory() as folder, steps.opened(Path(folder)) as bench:
        series = Series(bench, chance)
        series.every(moments, part)
    return told(series)


def told(series: Series) -> int:
    """Print what a series did; returns how often something was broken."""
    kills = sum(number for kind, number in series.counts.items() if kind.startswith("killed at"))
    print(f"{kills:8}  kills survived, at {len(series.killed_at)} of {series.steps} steps")
    for kind, number in sorted(series.counts.items()):
        print(f"{number:8}    {kind}")
    return len(series.broken)


def many(seconds: float, chance: random.Random) -> int:
    with tempfile.TemporaryDirectory() as folder, steps.opened(Path(folder)) as bench:
        counts, broken = crowd(bench, seconds, chance)
    for kind, number in sorted(counts.items()):
        print(f"{number:8}    {kind}")
    for problem in broken:
        print(problem)
    return len(broken)


def inputs(seconds: float, chance: random.Random) -> int:
    from tests.support import hostile

    counts, broken = hostile.read(seconds, chance)
    print(f"{sum(counts.values()):8}  hostile inputs")
    for kind, number in sorted(counts.items()):
        print(f"{number:8}    {kind}")
    for problem in broken:
        print(problem)
    return len(broken)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--only", choices=SHARES)
    parser.add_argument("--every", type=int, metavar="MOMENTS")
    parser.add_argument("--part", default="1/1", metavar="K/N")
    options = parser.parse_args()
    if options.every is not None:
        number, parts = (int(word) for word in options.part.split("/"))
        chance = random.Random(options.seed + number)
        return 1 if every(options.every, (number, parts), chance) else 0
    shares = {options.only: 1.0} if options.only else SHARES
    broken = 0
    for part, run in {"faults": faults, "crowd": many, "inputs": inputs}.items():
        if share := shares.get(part):
            broken += run(options.seconds * share, random.Random(options.seed))
    print(f"{broken:8}  environments broken")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
