"""Time whole commands against each other: in turn, several times, and compare the medians.

Machines are noisy and differ: the ratio of two commands in one run is what carries over.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Command:
    """One side of a comparison. `before` runs ahead of each turn and is not timed."""

    name: str
    argv: Sequence[str | Path]
    env: Mapping[str, str] | None = None
    before: Callable[[], object] = lambda: None
    ok: tuple[int, ...] = (0,)

    def seconds(self) -> float:
        self.before()
        env = dict(os.environ if self.env is None else self.env)
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody starts a program twice that way
        began = time.perf_counter()
        done = subprocess.run(
            [str(word) for word in self.argv],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        took = time.perf_counter() - began
        if done.returncode not in self.ok:
            sys.exit(f"{self.name} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
        return took


@dataclass(frozen=True)
class Comparison:
    """Medians in seconds, and the median of the ratios turn by turn (ours / theirs).

    `spread`: the lowest and the highest of those ratios, over so many `runs`. `more`: what else was
    measured, such as error rates and memory, by name.
    """

    what: str
    ours: str
    theirs: str
    ours_s: float
    theirs_s: float
    ratio: float
    goal: float | None
    runs: int = 1
    spread: tuple[float, float] | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    def line(self) -> str:
        goal = "" if self.goal is None else f"  (goal: at most {self.goal})"
        return (
            f"{self.what}\n  {self.ours:<44} {self.ours_s:8.3f} s\n"
            f"  {self.theirs:<44} {self.theirs_s:8.3f} s\n  ratio {self.ratio:.2f}{goal}"
        )


def compare(
    what: str, ours: Command, theirs: Command, *, runs: int = 5, goal: float | None = None
) -> Comparison:
    """Run both in turn, once to warm up and then `runs` times; prints and returns the result."""
    ours.seconds(), theirs.seconds()
    pairs = [(ours.seconds(), theirs.seconds()) for _ in range(runs)]
    result = of_pairs(what, ours.name, theirs.name, pairs, goal=goal)
    print(result.line(), flush=True)
    return result


def of_pairs(
    what: str,
    ours: str,
    theirs: str,
    pairs: Sequence[tuple[float, float]],
    *,
    goal: float | None = None,
    **more: object,
) -> Comparison:
    """The comparison of seconds that were measured turn by turn, ours first."""
    ratios = [a / b for a, b in pairs]
    return Comparison(
        what,
        ours,
        theirs,
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(ratios),
        goal,
        len(pairs),
        (min(ratios), max(ratios)),
        more,
    )


def keep(name: str, comparisons: Sequence[Comparison]) -> None:
    """Write the figures to `benchmarks/results/NAME.json`, with the kind of machine."""
    RESULTS.mkdir(exist_ok=True)
    document = {
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "comparisons": [vars(comparison) for comparison in comparisons],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
