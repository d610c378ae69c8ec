"""Options that exclude each other by where the work is done: here, for a caller, on a cluster."""

from __future__ import annotations

import argparse

from mlenv.speech.transcribe.names import is_address
from mlenv.speech.transcribe.option_table import STREAMED
from mlenv.speech.transcribe.parser import usage


def check(options: argparse.Namespace) -> None:
    """Raise `MlenvError` for options that make no sense together."""
    _check_service(options)
    _check_cluster(options)


def _check_service(options: argparse.Namespace) -> None:
    """Raise for options that make no sense with --serve, or only there."""
    if not options.serve:
        if options.idle_timeout:
            raise usage("--idle-timeout is for --serve.")
        return
    if options.only_speakers:
        raise usage("--serve is for `mlenv exec transcribe`: a request asks for speakers itself.")
    if options.audio or options.stdin or options.files_from:
        raise usage("--serve reads what to transcribe from standard input: name no files.")
    if any(kind != STREAMED for several in options.format or () for kind in several):
        raise usage(f"--serve answers with the lines of {STREAMED}: leave out --format.")
    for name in ("output_dir", "json", "resume", "part"):
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise usage(f"--serve answers on standard output, in JSON lines: leave out {option}.")


def _check_cluster(options: argparse.Namespace) -> None:
    """Raise for options that make no sense with --engine ray, or only there."""
    if options.engine != "ray":
        if options.output_dir and is_address(options.output_dir):
            raise usage(
                "--output-dir is an address, to which only --engine ray writes: name a folder."
            )
        if options.address:
            raise usage("--address is for --engine ray.")
        return
    if options.only_speakers or options.serve:
        raise usage("--engine ray is for `mlenv exec transcribe` with files and --output-dir DIR.")
    if options.output_dir in (None, "-"):
        raise usage("--engine ray needs --output-dir DIR: files end in any order.")
    if options.stdin or "-" in options.audio:
        raise usage("--engine ray takes files that all nodes can read, not standard input.")
    if options.device_index:
        raise usage("--engine ray has one worker for each GPU: leave out --device-index.")
