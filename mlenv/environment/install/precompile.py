"""Compile what speech programs import, so that the first use of an environment is a fast one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mlenv.environment import launch
from mlenv.progress import Progress

PROBE = Path(__file__).with_name("import_speech.py")
TIME_LIMIT = 180  # seconds; nothing depends on its end


def run(venv: Path, progress: Progress) -> None:
    """Write the bytecode of the speech packages. What fails here, other checks report."""
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
