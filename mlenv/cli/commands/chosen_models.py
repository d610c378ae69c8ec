"""The models that options name: looked for where they may be, fetched where they are not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Protocol

from mlenv.cli.render.progress import for_people
from mlenv.speech import models
from mlenv.speech.models import ModelCopy, resolve
from mlenv.speech.transcribe import diarization
from mlenv.speech.transcribe.diarization import Pipeline


class Note(Protocol):
    """Says one line to whoever runs the command."""

    def __call__(self, text: str, *, warning: bool = False) -> None: ...


class ChosenModels:
    """Finds models for an environment; `note` is told what happens on the way."""

    def __init__(self, venv: Path, note: Note) -> None:
        self._venv, self._note = venv, note

    def words(self, options: argparse.Namespace) -> Path:
        """The Whisper model's directory."""
        options.model = options.model or models.default()
        steps = for_people(as_json=options.json or options.quiet)
        return self._place(
            resolve.whisper(options.model, self._venv, steps, offline=options.offline)
        )

    def speakers(self, options: argparse.Namespace) -> Pipeline:
        """The diarization pipeline."""
        steps = for_people(as_json=options.json or options.quiet)

        def place(model: models.Model) -> Path:
            return self._place(
                resolve.of_manifest(model, self._venv, steps, offline=options.offline)
            )

        return diarization.choose(options, self._venv, place)

    def _place(self, copy: ModelCopy) -> Path:
        """The model's directory; directories that were refused on the way are shown."""
        for each in copy.refused:
            if not each.is_missing:
                self._note(f"{each}: passed over", warning=True)
        return copy.path
