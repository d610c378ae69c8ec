"""Scores of a transcript, in the field's two measures.

Word error rate: jiwer, after Whisper's own English text normalisation (Radford et al. 2022,
appendix C), so that "10" is "ten". Diarization error rate: pyannote.metrics, in the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mlenv.environment import launch
from mlenv.files import decode
from mlenv.machine.children import last_printed
from mlenv.result import MlenvError
from mlenv.speech.transcribe.transcript import Turn
from mlenv.speech.transcribe.worker_process import command


def word_error_rate(reference: Sequence[str], hypothesis: Sequence[str]) -> float:
    """Insertions, deletions and substitutions for each word of `reference`; texts in pairs."""
    import jiwer

    rate = jiwer.wer(list(map(normalised, reference)), list(map(normalised, hypothesis)))
    return round(float(rate), 4)


def normalised(text: str) -> str:
    """The text in Whisper's English normalisation."""
    plain: str = _normaliser()(text)
    return plain


@cache
def _normaliser() -> Any:
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


def diarization_errors(
    venv: Path,
    reference: Sequence[Turn],
    hypothesis: Sequence[Turn],
    environ: Mapping[str, str] = os.environ,
) -> dict[str, float]:
    """Diarization errors as shares of the time spoken.

    `diarization_error_rate` and its parts `missed`, `false_alarm`, `confusion`; and the numbers of
    speakers in both.
    """
    built = launch.build(venv.resolve(), environ)
    done = subprocess.run(
        command(built.python, "score"),
        input=json.dumps({"reference": reference, "hypothesis": hypothesis}),
        env=built.applied_to(environ),
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise MlenvError("score-failed", f"pyannote.metrics could not score: {lines[-1]}.")
    return decode(last_printed(done.stdout), dict[str, float], "the answer of pyannote.metrics")
