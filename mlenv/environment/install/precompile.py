"""The first use of a new environment shall be as fast as the second: see `probes/warm.py`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mlenv.environment import launch
from mlenv.progress import Progress

PROBE = Path(__file__).with_name("import_speech.py")
TIME_LIMIT = 180  # seconds; it is a service, and nothing depends on it


def up(venv: Path, progress: Progress) -> None:
    """Leave the bytecode of the speech packages behind. What fails here, other checks will say."""
    built = launch.build(venv.resolve(), os.environ)
    progress.step("Compiling what speech programs import")
    try:
        subprocess.run(
            [built.python, "-W", "ignore", PROBE],
            env=built.applied_to(os.environ),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIME_LIMIT,
        )
    except subprocess.TimeoutExpired:
        progress.detail("left unfinished")
    progress.end()
