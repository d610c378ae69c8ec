"""Captions as they come: those of a window that is finished, while the next one is heard."""

from __future__ import annotations

import argparse

from mlenv.speech.transcribe.captions import Layout, cue_of, layout_of
from mlenv.speech.transcribe.events import Heard
from mlenv.speech.transcribe.formats import LIVE
from mlenv.speech.transcribe.inputs import Source


class Captions:
    """Captions of one file after another, in one format."""

    def __init__(self, form: str) -> None:
        self.form = form
        self._head, self._written = LIVE[form]
        self._begun: Source | None = None
        self._count = 0

    def add(self, heard: Heard) -> str:
        """The text for one more segment."""
        text = self._begin(heard.source)
        if cue := cue_of(heard.segment, heard.duration):
            self._count += 1
            text += self._written(self._count, cue)
        return text

    def end(self, source: Source) -> str:
        """The text that a file still needs at its end: the head, where no segment came."""
        text = self._begin(source)
        self._begun = None
        return text

    def _begin(self, source: Source) -> str:
        if self._begun == source:
            return ""
        self._begun, self._count = source, 0
        return self._head


def captions(options: argparse.Namespace) -> Captions | None:
    """How captions go to standard output as they come; None where they wait for the whole file.

    Speakers and the order of channels are known at its end, and a layout by words may draw a
    caption from several segments.
    """
    waits = options.output_dir or options.json or options.diarize or options.channels == "each"
    if waits or len(options.formats) != 1 or options.formats[0] not in LIVE:
        return None
    layout: Layout = layout_of(options)
    return None if layout.by_words or layout.readable else Captions(options.formats[0])
