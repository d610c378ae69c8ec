"""Write transcripts into files, one file per format."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from mlenv import files
from mlenv.speech.transcribe import formats
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.transcript import Transcript

ONLY_SPEAKERS = {"rttm"}  # formats that hold nothing else


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

    def write(
        self, source: Source, transcript: Transcript, *, speakers: bool = True
    ) -> tuple[Path, ...]:
        """Write every format of one transcript; returns the files. Raises `MlenvError`.

        `speakers`: they could be found; where not, there is no file of them alone.
        """
        written = []
        for form, path in self._outputs[source.file].items():
            if speakers or form not in ONLY_SPEAKERS:
                files.make_directory(path.parent)
                files.write_atomically(path, self.text(transcript, form))
                written.append(path)
        return tuple(written)
