"""Write transcripts into files, one file per format, and record how they were made."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlenv.speech.transcribe import captions, formats
from mlenv.speech.transcribe.events import Finished
from mlenv.speech.transcribe.folder import Folder, LocalFolder
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.origins import Origins
from mlenv.speech.transcribe.outputs import Outputs
from mlenv.speech.transcribe.transcript import Transcript

ONLY_SPEAKERS = {"rttm"}  # formats that hold nothing else


@dataclass(frozen=True, slots=True)
class Written:
    """The files of one transcript.

    `kept`: what was there and is not mlenv's, under its new name. `unchanged`: the recording is
    still what was read.
    """

    paths: tuple[Path, ...]
    kept: tuple[Path, ...]
    unchanged: bool


class Writer:
    """Writes the transcript of each source to its outputs."""

    def __init__(
        self,
        options: argparse.Namespace,
        outputs: Mapping[Source, Outputs],
        origins: Origins,
        folder: Folder | None = None,
    ) -> None:
        self._outputs, self._origins = outputs, origins
        self._folder = folder or LocalFolder()
        self._layout = captions.layout_of(options)

    def text(self, transcript: Transcript, form: str) -> str:
        """The transcript in one format."""
        return formats.FORMATS[form](transcript, self._layout)

    def write(self, event: Finished) -> Written:
        """Write every format of one transcript; raises `MlenvError`.

        Where the speakers could not be found, there is no file of them alone.
        """
        outputs = self._outputs[event.source]
        texts = {
            form: self.text(event.transcript, form)
            for form in outputs.by_format
            if not event.problem or event.transcript["turns"] or form not in ONLY_SPEAKERS
        }
        kept, replaced = [], {}
        for form in texts:
            path = outputs.by_format[form]
            replaced[form] = self._origins.own_sha256(outputs.stem, form, path)
            if not replaced[form] and self._folder.has_content(path):
                kept.append(self._folder.set_aside(path))
        complete = event.problem is None
        unchanged = self._origins.write(
            event.source, outputs.stem, event.before, texts, complete=complete, replaced=replaced
        )
        for form, text in texts.items():
            self._folder.write(outputs.by_format[form], text)
        paths = tuple(outputs.by_format[form] for form in texts)
        return Written(paths, tuple(kept), unchanged)
