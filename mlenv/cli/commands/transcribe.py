"""`mlenv exec transcribe` and `diarize`: transcripts from any audio or video file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlenv.cli import streams
from mlenv.cli.interruption import Interrupted, heed_signals
from mlenv.machine import settings
from mlenv.paths import venv_path
from mlenv.result import MlenvError, Problem, Result
from mlenv.speech.transcribe import left_out
from mlenv.speech.transcribe.job import Job
from mlenv.speech.transcribe.option_table import STREAMED
from mlenv.speech.transcribe.options import parse

if TYPE_CHECKING:
    from mlenv.cli.commands.transcription import Transcribed
    from mlenv.fleet.ray.job import RayJob


def main(venv: Path, words: Sequence[str], *, diarize_only: bool = False) -> int:
    """Run one command line; returns the exit code."""
    as_json = "--json" in words
    heed_signals()
    streams.prepare()
    options, is_shown = None, False
    try:
        options = parse(words, diarize_only=diarize_only, settings=settings.load())
        if unknown := settings.unknown_variables():
            from mlenv.cli import render  # late: the worker comes first

            render.warn(unknown)
        venv = venv_path(options.venv, os.environ) if options.venv else venv
        if options.serve:
            return serve(venv, options)
        result: Result[Transcribed] = transcribe(venv, options)
        is_shown = not as_json  # the run has printed everything
    except MlenvError as error:
        result = error.result("exec transcribe")
    except Interrupted as interrupted:
        problem = Problem("interrupted", "Interrupted before the first file was begun.")
        result = Result("exec transcribe", None, interrupted.exit_code, (problem,))
    if options and STREAMED in options.formats:
        try:
            _stream_end(result)
        except MlenvError as error:  # standard output is full
            result, is_shown = error.result("exec transcribe"), False
    if is_shown:
        return result.exit_code
    from mlenv.cli import render

    return render.emit(result, as_json=as_json)


def serve(venv: Path, options: argparse.Namespace) -> int:
    """Answer requests from standard input until it ends; returns the exit code."""
    from mlenv.cli.commands.serving import Serving

    return Serving(venv, options).run()


def _stream_end(result: Result[Transcribed]) -> None:
    """Print the last line of `--format jsonl`, without which the rest is not whole."""
    from mlenv.cli.render.transcribe import Screen

    errors = [problem.document() for problem in result.errors]
    notes = result.data.notes if result.data else []
    fields = {"ok": result.ok, "exit_code": result.exit_code, "errors": errors, "notes": notes}
    Screen(quiet=True, progress=False).line("end", fields)


def transcribe(venv: Path, options: argparse.Namespace) -> Result[Transcribed]:
    """Transcribe the inputs of `options` (see `parse`); prints as it goes unless `--json`."""
    if options.diarize:
        left_out.raise_without_diarization(venv)
    job: Job | RayJob = _ray_job(venv, options) if options.engine == "ray" else Job(venv, options)
    try:
        from mlenv.cli.commands.transcription import Run  # late: the worker imports meanwhile

        return Run(venv, options, job).run()
    finally:
        job.close()


def _ray_job(venv: Path, options: argparse.Namespace) -> RayJob:
    from mlenv.fleet.ray.job import RayJob  # late: hardly ever asked for

    return RayJob(venv, options)
