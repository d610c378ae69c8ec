"""Measure mlenv against what would be used instead.

    uv run python -m benchmarks [PART ..] [--quick] [--times N] [--list]

Each part runs ours and theirs in turn. What it needs is fetched: models, and the others at pinned
versions into venvs of their own. Figures, table and plots are in `benchmarks/results/`; a run
replaces its own parts only. Nothing here fails because of a figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # the scripts find each other there, as when they are run alone

import machine  # noqa: E402
import report  # noqa: E402
from parts import PARTS, Part  # noqa: E402
from timing import RESULTS, Comparison  # noqa: E402


def measured(part: Part, *, quick: bool) -> list[Comparison]:
    """Run the script of a part; what it has not measured for some reason is left out."""
    for model in part.models:
        subprocess.run([sys.executable, "-m", "mlenv", "models", "pull", model], check=True)
    path = RESULTS / f"{part.name}.json"
    before = path.stat().st_mtime_ns if path.exists() else 0
    words = part.quick if quick else part.words
    done = subprocess.run([sys.executable, HERE / part.script, *words])
    if not path.exists() or path.stat().st_mtime_ns == before:
        print(f"{part.script} ended with {done.returncode} and measured nothing", file=sys.stderr)
        return []
    try:
        return list(part.rows(json.loads(path.read_text("utf-8"))))
    except (KeyError, TypeError) as error:
        print(f"{path} has no rows as `parts.py` reads them: {error!r}", file=sys.stderr)
        return []


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="fewer turns, shorter recordings")
    parser.add_argument("--times", type=int, default=1, help="whole runs of each part (1)")
    parser.add_argument("--list", action="store_true", help="name the parts")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name:<10} {part.title}" for name, part in PARTS.items()))
        return
    if unknown := [name for name in options.part if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}: there are {', '.join(PARTS)}")
    for name in options.part or PARTS:
        part = PARTS[name]
        print(f"\n== {part.title} ({name})", flush=True)
        described = machine.described()
        runs = [measured(part, quick=options.quick) for _ in range(options.times)]
        if rows := report.merged(runs):
            report.write(report.keep(name, part.title, described, rows))
    print(f"\nThe table: {report.TABLE}")


if __name__ == "__main__":
    main()
