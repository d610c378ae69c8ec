"""Going back, sharing and first use, measured; in one run.

    uv run python benchmarks/provision.py        # needs `mlenv install cu124` to have run once

Nothing to do and a rebuild from uv's cache are measured in `spine.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import RESULTS, Command, compare, keep

from mlenv import paths
from mlenv.environment import generations, launch, uv

FIRST_USES = {
    "import faster_whisper": "import faster_whisper",
    "import torch": "import torch",
    "import pyannote.audio": "import pyannote.audio",
}


def mlenv(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "mlenv", *arguments]


def answer(*arguments: str | Path) -> dict[str, object]:
    done = subprocess.run(
        [str(word) for word in mlenv(*arguments, "--json")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)["data"]
    return found


def seconds(python: Path, code: str, environment: dict[str, str]) -> float:
    """Of processor time: what else the machine does is no part of it."""
    before = os.times()
    subprocess.run(
        [python, "-W", "ignore", "-c", code], env=environment, check=True, capture_output=True
    )
    after = os.times()
    spent = after.children_user - before.children_user
    return spent + after.children_system - before.children_system


def main() -> None:
    active = generations.active(paths.venv_path(None, os.environ))
    if active is None:
        sys.exit("run `mlenv install cu124` first")
    base = Path(tempfile.mkdtemp(dir=Path("~/.cache").expanduser(), prefix="mlenv-benchmark-"))
    try:
        measure(base, active.profile)
    finally:
        shutil.rmtree(base)


def measure(base: Path, profile: str) -> None:
    venv = base / "ml"
    install = mlenv("install", profile, "--no-verify", "--venv", venv)
    subprocess.run([str(word) for word in install], check=True, capture_output=True)
    first = generations.active(venv)
    assert first is not None
    # What differs between two locks is little: drift makes a second generation of the same one.
    gone = next(first.path.glob("lib/python3*/site-packages/tqdm-*.dist-info"))
    gone.rename(gone.with_name("tqdm-0.dist-info"))
    subprocess.run([str(word) for word in install], check=True, capture_output=True)
    rows = answer("status", "--venv", venv)["generations"]
    assert isinstance(rows, list)
    share = rows[1]["own_bytes"] / rows[0]["bytes"]
    print(
        f"a second generation\n  {rows[1]['own_bytes'] / 1e6:.1f} MB of its own, "
        f"{share:.2%} of the first one's {rows[0]['bytes'] / 1e9:.2f} GB  (goal: under 2 %)"
    )
    python = venv / "bin" / "python"
    environment = launch.build(venv, os.environ).applied_to(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    uses = []
    for what, code in FIRST_USES.items():
        one, two = (seconds(python, code, environment) for _ in range(2))
        uses.append({"what": what, "first_s": one, "second_s": two})
        print(f"{what}\n  processor time: first {one:.2f} s, second {two:.2f} s")
    lock = generations.active(venv)
    assert lock is not None
    sync = [uv.binary(), "pip", "sync", lock.lock_path, "--require-hashes", "--python", python]
    keep(
        "provision",
        [
            compare(
                "switch to the generation before",
                Command("mlenv rollback", mlenv("rollback", "--venv", venv)),
                Command("uv pip sync, with nothing to do", sync),
                goal=0.22,
            ),
            compare(
                "start the interpreter and click",
                Command("mlenv --version", mlenv("--version")),
                Command("python -c 'import click'", [sys.executable, "-c", "import click"]),
            ),
        ],
    )
    path = RESULTS / "provision.json"
    document = json.loads(path.read_text())
    document |= {"second_generation_share": share, "first_use": uses}
    path.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
