"""`mlenv exec transcribe` and `diarize`: transcripts from any audio or video file."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mlenv.paths import venv_path
from mlenv.result import MlenvError, Result
from mlenv.speech.transcribe.job import Job
from mlenv.speech.transcribe.options import parse

if TYPE_CHECKING:
    from mlenv.cli.commands.transcription import Transcribed

INTERRUPTED = 130


def main(venv: Path, words: Sequence[str], *, diarize_only: bool = False) -> int:
    """Run one command line; returns the exit code."""
    as_json = "--json" in words
    signal.signal(signal.SIGTERM, _terminated)
    try:
        options = parse(words, diarize_only=diarize_only)
        venv = venv_path(options.venv, os.environ) if options.venv else venv
        result = transcribe(venv, options)
    except MlenvError as error:
        from mlenv.cli import render

        return render.emit(error.result("exec transcribe"), as_json=as_json)
    except KeyboardInterrupt:
        return INTERRUPTED
    if as_json:
        from mlenv.cli import render

        return render.emit(result, as_json=True)
    return result.exit_code  # the run has printed everything


def transcribe(venv: Path, options: argparse.Namespace) -> Result[Transcribed]:
    """Transcribe the inputs of `options` (see `parse`); prints as it goes unless `--json`."""
    job = Job(venv, options)
    try:
        from mlenv.cli.commands.transcription import Run  # late: the worker imports meanwhile

        return Run(venv, options, job).run()
    finally:
        job.close()


def _terminated(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)
