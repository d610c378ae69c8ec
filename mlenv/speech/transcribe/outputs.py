"""Name the files of the transcripts: one recording each, the same on every run."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe.folder import Folder
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.origins import Origins
from mlenv.speech.transcribe.recordings import SUFFIXES

LONGEST = 255 - len(".json")  # bytes of a name without the format's suffix


@dataclass(frozen=True, slots=True)
class Outputs:
    """The transcript files of one source: `stem` with a suffix for each format."""

    stem: Path
    by_format: Mapping[str, Path]


class Namer:
    """Finds a free name for each source of one call."""

    def __init__(
        self, sources: Sequence[Source], folder: Folder, formats: Sequence[str], origins: Origins
    ) -> None:
        self._directory, self._formats, self._origins = folder.path, formats, origins
        self._same = folder.same_name()
        self._real = {source: os.path.realpath(source.file) for source in sources}
        self._recordings = set(self._real.values())
        names = {(self._same(self._short(source)), self._real[source]) for source in sources}
        self._uses = Counter(name for name, _ in names)
        self._owners: dict[str, Source] = {}

    def outputs(self, source: Source) -> Outputs | None:
        """The outputs of one source; None for a file that is named a second time.

        Raises `MlenvError` where another recording would be written to the same files.
        """
        short, full = self._short(source), self._whole(source.place)
        apart = self._short(replace(source, place=Path(source.file.parent.name) / source.place))
        for stem in (short, full, apart):
            other = self._owners.get(self._same(stem))
            if other and self._real[other] == self._real[source]:
                return None
        is_single = self._uses[self._same(short)] == 1
        own = [stem for stem in (short, full, apart) if self._origins.is_own(source, stem)]
        for stem in (*own, *([short] if is_single else []), full, apart):
            if self._is_free(source, stem):
                self._owners[self._same(stem)] = source
                return Outputs(stem, self._by_format(stem))
        raise MlenvError(
            "output-clash",
            self._clash(source, apart),
            "Transcribe them separately, each with its own --output-dir.",
            exit_code=WRONG_USAGE,
        )

    def _clash(self, source: Source, stem: Path) -> str:
        output = f"{stem}.{self._formats[0]}"
        if other := self._owners.get(self._same(stem)):
            both = f"{other.label} and {source.label} would both be written to {output}"
            return f"{both}, one over the other."
        other_call = self._origins.is_own(source, stem) is False
        which = "another recording's" if other_call else "a recording"
        return f"{source.label} would be written to {output}, which is {which}."

    def _is_free(self, source: Source, stem: Path) -> bool:
        """Tell if nobody else has the name: in this call, in an earlier one, or a recording."""
        return (
            self._same(stem) not in self._owners
            and self._origins.is_own(source, stem) is not False
            and self._recordings.isdisjoint(map(os.path.realpath, self._by_format(stem).values()))
        )

    def _by_format(self, stem: Path) -> dict[str, Path]:
        return {kind: stem.with_name(f"{stem.name}.{kind}") for kind in self._formats}

    def _short(self, source: Source) -> Path:
        """The name without the suffix of an audio or video file; any other dot belongs to it."""
        place = source.place
        return self._whole(place.with_suffix("") if place.suffix.lower() in SUFFIXES else place)

    def _whole(self, place: Path) -> Path:
        """The place below the output directory, its name no longer than names may be."""
        raw = os.fsencode(place.name)
        if len(raw) > LONGEST:
            mark = f"~{hashlib.sha256(raw).hexdigest()[:8]}"
            end = LONGEST - len(mark)
            while raw[end] & 0xC0 == 0x80:  # in the middle of a character
                end -= 1
            place = place.with_name(os.fsdecode(raw[:end]) + mark)
        return self._directory / place


def plan(
    sources: Sequence[Source], folder: Folder, formats: Sequence[str], origins: Origins
) -> dict[Source, Outputs]:
    """For each source its outputs: `talk.m4a` becomes `talk.srt`.

    Two that differ only in their suffix keep it (`talk.m4a.srt`), and so does one whose short name
    has another recording's transcript already. Where that name is taken too, the recording's
    folder goes before it (`monday/talk.srt`). A file that is named twice is left out once.
    Raises `MlenvError` where two recordings would still be written to the same file.
    """
    namer = Namer(sources, folder, formats, origins)
    planned = ((source, namer.outputs(source)) for source in sources)
    return {source: outputs for source, outputs in planned if outputs}
