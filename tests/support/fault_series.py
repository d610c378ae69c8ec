"""Disturb every operation at its steps and at random moments, and count: what breaks is named.

uv run python -m tests.support.fault_series [SECONDS]
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.support import steps
from tests.support.steps import ERRORS, OPERATIONS, Bench


def _moment(bench: Bench, chance: random.Random) -> tuple[str, str, str]:
    """Disturb one operation once: what was done, the kind of fault, and what is wrong then."""
    name = chance.choice(sorted(OPERATIONS))
    course = bench.course(name)
    kind = chance.choice(("kill", "kill", "moment", *ERRORS))
    if kind == "moment":
        after = chance.uniform(0.01, max(course.seconds, 0.02))
        return f"{name}, after {after:.3f} s", kind, bench.disturbed(name, after=after)
    at = chance.randint(1, len(course.steps))
    call = course.steps[at - 1]
    return f"{name}, step {at} ({call})", kind, bench.disturbed(name, at=at, what=kind)


def main() -> int:
    seconds = float(sys.argv[1]) if sys.argv[1:] else 60.0
    seed = int(sys.argv[2]) if sys.argv[2:] else 0
    chance, counts, broken = random.Random(seed), Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder, steps.opened(Path(folder)) as bench:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            what, kind, problem = _moment(bench, chance)
            killed = kind in ("kill", "moment")
            counts["kills" if killed and bench.killed else "errors" if not killed else "late"] += 1
            if problem:
                broken += 1
                print(f"{kind}: {what}: {problem}", flush=True)
    print(f"kills survived: {counts['kills']} (and {counts['late']} that came after the end)")
    print(f"errors of the system: {counts['errors']}")
    print(f"environments broken: {broken}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
