"""The main job against the plain tools beneath it, in one run.

uv run python benchmarks/spine.py            # needs `mlenv install cu124` to have run once
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from timing import Command, compare, keep

from mlenv import paths
from mlenv.environment import generations, launch, uv
from mlenv.environment.install import whole
from mlenv.environment.lockfile import locks, profiles
from mlenv.speech import models

# What mlenv imports in a new environment before it switches to it, so that its bytecode is there.
IMPORTS = Path(whole.__file__).with_name("import_speech.py")
CLIP = Path(__file__).parent.parent / "tests" / "data" / "utterances" / "libri_01_spk1089.flac"

PLAIN_SCRIPT = """
import sys
from faster_whisper import WhisperModel
model = WhisperModel(sys.argv[1], device="cpu", compute_type="int8")
segments, _ = model.transcribe(sys.argv[2])
print(" ".join(segment.text for segment in segments))
"""


def mlenv(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, "-m", "mlenv", *arguments]


def main() -> None:
    venv = paths.venv_path(None, os.environ)
    generation = generations.active(venv)
    if generation is None:
        sys.exit(f"{venv} is not mlenv's: run `mlenv install cu124` first")
    lock = locks.load(profiles.load("cu124"))
    python = venv / "bin" / "python"
    environment = launch.build(venv, os.environ).applied_to(os.environ)
    model = models.find(models.by_name("tiny.en")).path
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder) / "envs" / "ml"
        plain = Path(folder) / "plain"

        def clean() -> None:
            shutil.rmtree(new.parent, ignore_errors=True)
            shutil.rmtree(plain, ignore_errors=True)

        sync = [uv.binary(), "pip", "sync", lock.path, "--require-hashes", "--python"]
        rebuild = f'"{uv.binary()}" venv -q "{plain}" && "$@"'
        imports = f'{rebuild} && exec "{plain}/bin/python" -I -W ignore "{IMPORTS}"'
        keep(
            "spine",
            [
                compare(
                    "transcribe a 5 s clip with tiny.en, from a cold start",
                    Command(
                        "mlenv exec transcribe",
                        mlenv("exec", "transcribe", "--model", "tiny.en", "--device", "cpu", CLIP),
                    ),
                    Command(
                        "plain faster-whisper script",
                        [python, "-c", PLAIN_SCRIPT, model, CLIP],
                        environment,
                    ),
                    goal=0.35,
                ),
                compare(
                    "install again, with nothing to do",
                    Command("mlenv install", mlenv("install", "cu124")),
                    Command("uv pip sync", [*sync, python]),
                    goal=0.25,
                ),
                compare(
                    "build it from uv's cache, into a new place (mlenv also runs its imports)",
                    Command(
                        "mlenv install --no-verify",
                        mlenv("install", "cu124", "--no-verify", "--venv", new),
                        before=clean,
                    ),
                    Command(
                        "uv venv && uv pip sync",
                        ["sh", "-c", rebuild, "sh", *sync, plain / "bin" / "python"],
                        before=clean,
                    ),
                    goal=1.0,
                ),
                compare(
                    "build it from uv's cache, until its imports have run",
                    Command(
                        "mlenv install --no-verify",
                        mlenv("install", "cu124", "--no-verify", "--venv", new),
                        before=clean,
                    ),
                    Command(
                        "uv venv && uv pip sync && python -c import ..",
                        ["sh", "-c", imports, "sh", *sync, plain / "bin" / "python"],
                        before=clean,
                    ),
                    goal=1.0,
                ),
            ],
        )


if __name__ == "__main__":
    main()
