"""`mlenv exec transcribe` and `diarize`: transcripts from any audio or video file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlenv.cli import streams
from mlenv.cli.interruption import Interrupted, heed_signals
from mlenv.paths import venv_path
from mlenv.result import MlenvError, Problem, Result
from mlenv.speech.transcribe import left_out
from mlenv.speech.transcribe.job import Job
from mlenv.speech.transcribe.options import parse

if TYPE_CHECKING:
    from mlenv.cli.commands.transcription import Transcribed


def main(venv: Path, words: Sequence[str], *, diarize_only: bool = False) -> int:
    """Run one command line; returns the exit code."""
    as_json = "--json" in words
    heed_signals()
    streams.prepare()
    try:
        options = parse(words, diarize_only=diarize_only)
        venv = venv_path(options.venv, os.environ) if options.venv else venv
        result = transcribe(venv, options)
    except MlenvError as error:
        from mlenv.cli import render

        return render.emit(error.result("exec transcribe"), as_json=as_json)
    except Interrupted as interrupted:
        from mlenv.cli import render

        problem = Problem("interrupted", "Interrupted before the first file was begun.")
        result = Result("exec transcribe", None, interrupted.exit_code, (problem,))
        return render.emit(result, as_json=as_json)
    if as_json:
        from mlenv.cli import render

        return render.emit(result, as_json=True)
    return result.exit_code  # the run has printed everything


def transcribe(venv: Path, options: argparse.Namespace) -> Result[Transcribed]:
    """Transcribe the inputs of `options` (see `parse`); prints as it goes unless `--json`."""
    if options.diarize:
        left_out.raise_without_diarization(venv)
    job = Job(venv, options)
    try:
        from mlenv.cli.commands.transcription import Run  # late: the worker imports meanwhile

        return Run(venv, options, job).run()
    finally:
        job.close()
