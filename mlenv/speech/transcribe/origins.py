"""Records beside the transcripts: from which recording and with which options each was made.

Those of `talk.srt` and `talk.json` lie in `.mlenv/talk.json`, in the same folder. A record is
written before its outputs, so that whatever lies there, however a run ends, is known for mlenv's.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mlenv import files
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.transcribe.folder import Folder, LocalFolder
from mlenv.speech.transcribe.inputs import RECORDS, Source, State
from mlenv.speech.transcribe.options import parse

SCHEMA = 1
NO_TRANSCRIPT = "it has no transcript"
# Options that say where and how to work, and change no transcript.
NEUTRAL = {
    *("audio", "stdin", "recursive", "venv", "format", "formats", "output_dir", "resume", "json"),
    *("progress", "quiet", "verbose", "device", "device_index", "threads", "offline"),
    *("model", "model_directory", "files_from", "part", "serve", "idle_timeout"),
    *("engine", "address", "words"),
}


class Origin(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of how one output was made.

    `recording`: its path or address; `size`, `mtime_ns`, `ctime_ns`, `mark` (see `State`) and
    `sha256` are its own, the last None where it changed while it was read. `options` are those that
    are not the default. `complete` is False where something is missing in it. `written` is the
    sha256 of the output, `replaces` that of an earlier one of mlenv's, which is there still where
    the run ended in between.
    """

    recording: str
    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: str | None
    mark: str = ""
    options: dict[str, Any]
    model: str | None
    complete: bool
    written: str
    replaces: str | None = None


class Record(Struct, frozen=True, kw_only=True):
    """The file in `.mlenv`; `outputs` by format."""

    schema: int = SCHEMA
    outputs: dict[str, Origin]


class Origins:
    """Reads and writes the records of one call's outputs."""

    def __init__(self, options: argparse.Namespace, folder: Folder | None = None) -> None:
        """`folder`: where outputs and records are, unless here."""
        self._arguments = options
        self._folder = folder or LocalFolder()
        self._hashes: dict[Path, str | None] = {}

    @functools.cached_property
    def _options(self) -> dict[str, Any]:
        return _chosen(self._arguments)

    @functools.cached_property
    def _model(self) -> str | None:
        return None if self._arguments.only_speakers else _model(self._arguments)

    def is_own(self, source: Source, stem: Path) -> bool | None:
        """Tell if outputs of that name are this source's; None where nobody's are recorded."""
        record = self._record(stem)
        if not record:
            return None
        return any(
            origin.recording == source.name() or origin.sha256 == self._sha256(source)
            for origin in record.values()
        )

    def reason(self, source: Source, stem: Path, outputs: Mapping[str, Path]) -> str | None:
        """The reason why a source is not done, in one clause; None where it is."""
        record = self._record(stem)
        if not any(self._folder.exists(path) for path in outputs.values()):
            return NO_TRANSCRIPT
        for form, path in outputs.items():
            if (origin := record.get(form)) is None:
                return f"there is no record of how {path.name} was made"
            if origin.written != self._folder.sha256(path):
                return f"{path.name} is not as it was written"
            if not origin.complete:
                return f"something is missing in {path.name}"
            if origin.options != self._options or origin.model != self._model:
                return f"{path.name} was made with other options"
            if not self._is_same(source, origin):
                return f"{path.name} was made from something else"
        return None

    def own_sha256(self, stem: Path, form: str, path: Path) -> str | None:
        """The sha256 of a file that is as mlenv wrote it; None for any other."""
        origin, sha256 = self._record(stem).get(form), self._folder.sha256(path)
        return sha256 if origin and sha256 in (origin.written, origin.replaces) else None

    def take(self, source: Source, sha256: str) -> None:
        """Take the sha256 from who has just read the recording elsewhere."""
        self._hashes[source.file] = sha256

    def read(self, source: Source) -> None:
        """Take the sha256 that `write` records; gigabytes take seconds."""
        self._hashes.pop(source.file, None)
        self._sha256(source)

    def write(
        self,
        source: Source,
        stem: Path,
        before: State | None,
        texts: Mapping[str, str],
        *,
        complete: bool,
        replaced: Mapping[str, str | None] | None = None,
    ) -> bool:
        """Record how outputs are made; returns False if the recording has changed meanwhile.

        `before`: its state when it was read. `read` comes before. `replaced`: sha256 of outputs of
        mlenv's that these come in the place of, by format.
        """
        sha256 = self._sha256(source)
        unchanged = before is not None and source.state() == before
        state = before or State(0, 0, 0)
        made = {
            form: Origin(
                recording=source.name(),
                size=state.size,
                mtime_ns=state.mtime_ns,
                ctime_ns=state.ctime_ns,
                mark=state.mark,
                sha256=sha256 if unchanged else None,
                options=self._options,
                model=self._model,
                complete=complete and unchanged,
                written=hashlib.sha256(text.encode()).hexdigest(),
                replaces=(replaced or {}).get(form),
            )
            for form, text in texts.items()
        }
        place = _place(stem)
        record = Record(outputs={**self._record(stem), **made})
        self._folder.write(place, msgspec.json.format(msgspec.json.encode(record), indent=1))
        return unchanged

    def _is_same(self, source: Source, origin: Origin) -> bool:
        """Tell if the source has the content that the origin was made from.

        Nobody can set a file's ctime back, so one of the same times needs no reading.
        """
        state = State(origin.size, origin.mtime_ns, origin.ctime_ns, origin.mark)
        if origin.recording == source.name() and source.state() == state and origin.sha256:
            return True
        return origin.sha256 is not None and origin.sha256 == self._sha256(source)

    def _sha256(self, source: Source) -> str | None:
        if source.file not in self._hashes:
            self._hashes[source.file] = source.sha256()
        return self._hashes[source.file]

    def _record(self, stem: Path) -> Mapping[str, Origin]:
        """The origins of outputs with that stem, by format; none where the record can't be read."""
        place = _place(stem)
        if (content := self._folder.content(place)) is None:
            return {}
        try:
            record = files.decode(content, Record, place)
            files.check_schema(record.schema, SCHEMA, place)
        except MlenvError:
            return {}
        return record.outputs


def _place(stem: Path) -> Path:
    return stem.parent / RECORDS / f"{stem.name}.json"


def _chosen(options: argparse.Namespace) -> dict[str, Any]:
    """Options that are not the default and change the transcript, as JSON has them."""
    default = vars(parse(["-"], diarize_only=options.only_speakers))
    chosen = {
        name: value
        for name, value in vars(options).items()
        if name not in NEUTRAL and value != default.get(name)
    }
    if options.only_speakers:
        chosen["only_speakers"] = True
    result: dict[str, Any] = json.loads(json.dumps(chosen, default=str))
    return result


def _model(options: argparse.Namespace) -> str:
    """The model's name; a folder also by the size and time of its weights."""
    name: str = options.model or models.default()
    folder = Path(name).expanduser()
    try:
        weights = (folder / "model.bin").stat()
    except OSError:
        return name
    return f"{folder.resolve()} ({weights.st_size} bytes, {weights.st_mtime_ns})"
