"""Write transcripts into files, one file per format."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from mlenv.files import write_atomically
from mlenv.speech.transcribe import formats
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.transcript import Transcript


class Writer:
    """Writes the transcript of each source; `outputs`: by source file and format, where to."""

    def __init__(
        self, options: argparse.Namespace, outputs: Mapping[Path, Mapping[str, Path]]
    ) -> None:
        self._outputs = outputs
        self._layout = formats.Layout(
            options.max_line_width,
            options.max_line_count,
            options.max_words_per_line,
            options.highlight_words,
            options.pretty_json,
        )

    def text(self, transcript: Transcript, form: str) -> str:
        """The transcript in one format."""
        return formats.FORMATS[form](transcript, self._layout)

    def write(self, source: Source, transcript: Transcript) -> tuple[Path, ...]:
        """Write every format of one transcript; returns the files. Raises `MlenvError`."""
        for form, path in self._outputs[source.file].items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, self.text(transcript, form))
        return tuple(self._outputs[source.file].values())
