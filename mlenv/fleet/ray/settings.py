"""The settings that the pool and its actors get at the start of a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlenv import __version__
from mlenv.environment import generations
from mlenv.fleet.ray.addresses import RemoteSource
from mlenv.speech import models
from mlenv.speech.transcribe import request_lines
from mlenv.speech.transcribe.inputs import Source

# Options that are decided for each node, or read from its own.
OF_THE_NODE = ("--device", "--device-index", "--model", "--model-directory")


def settings_of(
    venv: Path, options: argparse.Namespace, sources: Sequence[Source]
) -> dict[str, Any]:
    """The first request to the pool: see `Seat` and `Pool`."""
    far = [source.address for source in sources if isinstance(source, RemoteSource)]
    generation = generations.read(venv.resolve())
    return {
        "address": options.address,
        "device": options.device,
        "threads": int(options.threads),
        "python": sys.executable,
        "venv": str(venv.absolute()),
        "version": __version__,
        "lock": generation.lock_sha256 if generation else None,
        "words": _words(options),
        "addresses": list({address.partition("://")[0]: address for address in far}.values()),
    }


def _words(options: argparse.Namespace) -> list[str]:
    """The options of the run, as `--serve` takes them on a node."""
    own = [word for word in request_lines.defaults(options) if word.startswith("--")]
    model = options.model or models.default()
    folder = Path(model).expanduser()
    name = str(folder.absolute()) if folder.exists() else model
    kept = [word for word in own if word.partition("=")[0] not in OF_THE_NODE]
    return [*kept, f"--model={name}"]
