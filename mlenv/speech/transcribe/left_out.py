"""Parts that a profile leaves out on purpose, and the sentences about them.

Asked for each recording with speakers, so it reads a directory, and more only if need be.
"""

from __future__ import annotations

from pathlib import Path

from mlenv.result import MlenvError

# What the doctor, `verify` and `transcribe --diarize` say of a profile without pyannote.audio.
NO_DIARIZATION = "this profile has no diarization: `mlenv install cu124`"


def diarization(venv: Path) -> bool:
    """Tell if mlenv built this environment without pyannote.audio."""
    if any(venv.glob("lib/python3*/site-packages/pyannote/audio")):
        return False
    from mlenv.environment import generations

    try:
        generation = generations.read(venv.resolve())
    except MlenvError:  # damaged, or of a later mlenv
        return False
    names = generation.distributions if generation else ("pyannote_audio-",)
    return not any(name.startswith("pyannote_audio-") for name in names)


def raise_without_diarization(venv: Path) -> None:
    """Raise `MlenvError` where the profile has no diarization."""
    if diarization(venv):
        raise MlenvError("no-diarization", "This profile has no diarization.")
