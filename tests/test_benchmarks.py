"""The one command for all measurements: how rows become figures, a table and plots."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.places import ROOT

SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import report
from parts import PARTS
from timing import of_pairs
folder = Path(sys.argv[2])
report.RESULTS, report.ALL, report.TABLE = folder, folder / "all.json", folder / "table.md"
one, other = (
    [of_pairs("a clip", "mlenv", "whisperX", pairs, goal=0.5, error_rate=0.05)]
    for pairs in ([(1.0, 4.0), (2.0, 4.0), (3.0, 4.0)], [(1.0, 5.0), (1.0, 1.0), (2.0, 5.0)])
)
machine = {"date": "2026-11-29T00:00:00", "processor": "P", "cores": 2, "load": 0.1,
           "python": "3.11", "mlenv": "1", "commit": "c"}
words = {"rows": [
    {"set": "readers", "tool": "mlenv", "model": "base", "cpu_s": 1.0, "wer": 0.05, "missing": 1},
    {"set": "readers", "tool": "plain", "model": "base", "cpu_s": 2.0, "wer": 0.10, "missing": 9},
    {"set": "readers", "tool": "mlenv", "model": "base", "texts": 1, "runs": 4},
]}
report.keep("speech", "Clips", machine, report.merged([one, other]))
parts = report.keep("words", "Words", machine, list(PARTS["words"].rows(words)))
report.write(parts)
"""


def test_rows_become_a_table_and_plots_and_a_part_leaves_the_others(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", SCRIPT, str(ROOT / "benchmarks"), str(tmp_path)]
    subprocess.run(argv, check=True)
    parts = json.loads((tmp_path / "all.json").read_text("utf-8"))
    (row,) = parts["speech"]["rows"]
    assert (row["ratio"], row["spread"], row["runs"]) == (0.5, [0.2, 1.0], 6)
    lines = (tmp_path / "table.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and "what" not in line]
    assert rows == [
        "| a clip | mlenv: 2.000 s | whisperX: 4.000 s | 0.50 (0.20 to 1.00) | 6 | 0.5 "
        "| error rate 0.05 |",
        "| words of conversations (readers, base), CPU seconds | mlenv exec transcribe: 1.000 s "
        "| plain: 2.000 s | 0.50 | 1 |  | error rate 0.05, their error rate 0.1, words missing 1, "
        "their words missing 9 |",
    ]
    for name in ("speech", "words"):
        plot = (tmp_path / f"{name}.svg").read_text("utf-8")
        assert plot.startswith("<svg") and "<script" not in plot


def test_every_part_has_its_script() -> None:
    argv = [sys.executable, "-m", "benchmarks", "--list"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == [
        *("launch", "spine", "serve", "speech", "words", "speakers", "growth", "sizes", "doctor"),
        *("fleet", "explain", "provision"),
    ]
    wrong = subprocess.run([*argv[:-1], "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert (wrong.returncode, "there is no part nothing" in wrong.stderr) == (2, True)
