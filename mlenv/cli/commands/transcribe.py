"""`mlenv exec transcribe` and `diarize`: who said what, from any audio or video file."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from mlenv.paths import venv_path
from mlenv.result import MlenvError, Result
from mlenv.speech.transcribe.job import Job
from mlenv.speech.transcribe.options import parse

INTERRUPTED = 130


def main(venv: Path, words: Sequence[str], *, diarize_only: bool = False) -> int:
    """Run one command line; returns the exit code."""
    as_json = "--json" in words
    signal.signal(signal.SIGTERM, _terminated)
    try:
        options = parse(words, diarize_only=diarize_only)
        result = run(venv_path(options.venv, os.environ) if options.venv else venv, options)
    except MlenvError as error:
        result = error.result("exec transcribe")
        as_json = as_json or "--json" in words
    except KeyboardInterrupt:
        return INTERRUPTED
    if as_json or (result.errors and not result.view.get("said")):
        from mlenv.cli import render

        return render.emit(result, as_json=as_json)
    return result.exit_code


def run(venv: Path, options: argparse.Namespace) -> Result[Any]:
    """Transcribe what `options` (see `parse`) name; prints as it goes unless `--json`."""
    work = Job(venv, options)
    try:
        from mlenv.cli.commands.call import Call  # late: the job's worker imports meanwhile

        return Call(venv, options, work).run()
    finally:
        work.close()


def _terminated(_signal: int, _frame: object) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)
