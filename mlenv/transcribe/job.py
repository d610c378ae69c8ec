"""Many files through the workers, one after the other; what happens comes out as events.

The transcriber starts to import while the model is still being looked for. With speakers
wanted a second worker imports pyannote meanwhile; it gets each file's samples as the first one
decoded them, in memory, and finds the speakers while the words of the same file are found.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from mlenv.result import MlenvError, Problem
from mlenv.transcribe import pipelines, speakers
from mlenv.transcribe.events import Event, Failed, Finished, Heard, Note, Progress
from mlenv.transcribe.inputs import Source
from mlenv.transcribe.options import decoding
from mlenv.transcribe.transcript import Segment, Transcript, Turn
from mlenv.transcribe.workers import Inbox, Worker

# Threads that wait by spinning take the cores from the worker beside them.
SETTINGS = {
    "PYANNOTE_METRICS_ENABLED": "0",
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
}
IN_FLIGHT = 2  # files at once: one at work, one ready, so that memory stays flat


@dataclass(slots=True)
class _File:
    source: Source
    duration: float = 0.0
    language: str | None = None
    segments: list[Segment] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    turns: list[Turn] | None = None
    exclusive: list[Turn] = field(default_factory=list)
    transcribed: bool = False


class Job:
    """One call of `transcribe`: its workers, and the files on their way through them."""

    def __init__(self, venv: Path, options: argparse.Namespace) -> None:
        self._options = options
        self._inbox: Inbox = SimpleQueue()
        self._files: dict[int, _File] = {}
        self._startup: dict[str, float] = {}
        self._trying: str | None = None  # the device on which the worker may die
        self._handlers = {
            "decoded": self._decoded,
            "segment": self._segment,
            "done": self._done,
            "diarized": self._diarized,
            "progress": self._progress,
            "failed": self._failed,
        }
        self.compute_type: str | None = None
        self.libraries: tuple[str, ...] = ()
        self._workers: list[Worker] = []
        self.directory = Path(tempfile.mkdtemp(prefix="mlenv-", dir=_memory()))
        self._venv = venv
        self._transcriber = self._start("transcriber.py") if not options.only_speakers else None
        self._diarizer = self._start("diarizer.py") if options.diarize else None

    def _start(self, script: str) -> Worker:
        settings = dict(SETTINGS)
        if self._options.offline:
            settings["HF_HUB_OFFLINE"] = "1"
        if self._options.threads:
            settings["OMP_NUM_THREADS"] = str(self._options.threads)
        worker = Worker(script, self._venv, self._inbox, settings=settings)
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        """End the workers, whatever they are at, and remove what lay between them."""
        for worker in self._workers:
            worker.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(
        self,
        sources: Sequence[Source],
        model: Callable[[], Path],
        pipeline: Callable[[], pipelines.Pipeline],
    ) -> Iterator[Event]:
        """Transcribe `sources`; raises `MlenvError` where none of them can go on."""
        if self._transcriber:
            self._transcriber.send(self._transcription(model(), self._options.device))
        if self._diarizer:
            chosen = pipeline()
            yield Note(chosen.note)
            self._diarizer.send(self._diarization(chosen))
        waiting = list(enumerate(sources))[::-1]
        while waiting or self._files:
            while waiting and len(self._files) < IN_FLIGHT:
                number, source = waiting.pop()
                self._files[number] = _File(source)
                self._first.send({"id": number, "path": str(source.file)})
            worker, event = self._inbox.get()
            if event is not None:
                yield from self._take(event)
            elif worker is self._transcriber and self._trying == "cuda":
                yield self._on_the_cpu(worker.death(), model())
            else:
                raise worker.death()

    @property
    def _first(self) -> Worker:
        """The worker that files are given to."""
        first = self._transcriber or self._diarizer
        assert first
        return first

    def _on_the_cpu(self, death: MlenvError, model: Path) -> Note:
        """Begin anew on the CPU after a GPU that only seemed usable ended the worker; raises
        `death` where the GPU was asked for."""
        if self._options.device != "auto":
            raise death
        self._trying = None
        self._transcriber = self._start("transcriber.py")
        self._transcriber.send(self._transcription(model, "cpu"))
        for number, file in self._files.items():
            self._transcriber.send({"id": number, "path": str(file.source.file)})
        return Note(f"the GPU can't be used, going on with the CPU. {death.message}", warning=True)

    def _take(self, event: dict[str, Any]) -> Iterator[Event]:
        kind = event["event"]
        if kind == "trying":
            self._trying = event["device"]
        elif kind == "ready":
            self._trying = None
            self._startup |= event["seconds"]
            self.compute_type = event.get("compute_type", self.compute_type)
            yield from _announced(event)
        elif kind == "refused":
            raise refusal(event, self._options)
        elif event["id"] in self._files:  # else it has failed in the other worker
            yield from self._handlers[kind](event)

    def _decoded(self, event: dict[str, Any]) -> Iterator[Event]:
        file = self._files[event["id"]]
        file.duration = event["duration"]
        if event["truncated"]:
            yield Note(
                f"{file.source.shown} breaks off: it should last {event['truncated']:.1f} s, "
                f"{file.duration:.1f} s of it can be decoded",
                warning=True,
            )
        if self._transcriber and self._diarizer:
            self._diarizer.send({"id": event["id"], "samples": event["path"]})

    def _segment(self, event: dict[str, Any]) -> Iterator[Event]:
        file = self._files[event["id"]]
        said = event["segment"]
        segment: Segment = {
            "start": said["start"],
            "end": said["end"],
            "text": said["text"],
            "speaker": None,
            "words": said["words"],
        }
        file.segments.append(segment)
        yield Heard(file.source, segment, file.duration)

    def _progress(self, event: dict[str, Any]) -> Iterator[Event]:
        """Of speakers, once the words are through: before, the words say how far it is."""
        file = self._files[event["id"]]
        if file.transcribed or not self._transcriber:
            yield Progress(file.source, event["share"] * file.duration, file.duration)

    def _done(self, event: dict[str, Any]) -> Iterator[Event]:
        file = self._files[event["id"]]
        file.language = event["language"]
        self.libraries = tuple(event["libraries"])
        file.timings |= event["seconds"]
        file.transcribed = True
        yield from self._finish(event["id"])

    def _diarized(self, event: dict[str, Any]) -> Iterator[Event]:
        file = self._files[event["id"]]
        names = speakers.names_of(event["turns"], self._options.speaker_names)
        self.libraries = (*self.libraries, *event["libraries"])
        file.turns = speakers.renamed(event["turns"], names)
        file.exclusive = speakers.renamed(event["exclusive"], names)
        file.timings |= event["seconds"]
        file.transcribed = file.transcribed or self._transcriber is None
        yield from self._finish(event["id"])

    def _failed(self, event: dict[str, Any]) -> Iterator[Event]:
        file = self._files.pop(event["id"])
        message = f"{file.source.shown} {event['message']}"
        yield Failed(file.source, Problem(event["code"], message))

    def _finish(self, number: int) -> Iterator[Event]:
        file = self._files[number]
        if not file.transcribed or (self._diarizer and file.turns is None):
            return
        del self._files[number]
        yield Finished(file.source, _transcript(file, self._startup))

    def _transcription(self, model: Path, device: str) -> dict[str, object]:
        options = self._options
        return {
            "model": str(model),
            "device": device,
            "device_index": options.device_index,
            "compute_type": options.compute_type,
            "threads": options.threads,
            "batch_size": (options.batch_size or 8) if options.batched else None,
            "options": decoding(options),
            "handover": str(self.directory) if options.diarize else None,
        }

    def _diarization(self, chosen: pipelines.Pipeline) -> dict[str, object]:
        options = self._options
        return {
            "pipeline": chosen.request,
            "device": options.device,
            "device_index": options.device_index,
            "num_speakers": options.num_speakers,
            "min_speakers": options.min_speakers,
            "max_speakers": options.max_speakers,
        }


def refusal(event: dict[str, Any], options: argparse.Namespace) -> MlenvError:
    """Why a worker would not begin, with what to do about it."""
    hints = {
        "cuda-not-available": "Run `mlenv doctor` to see why, or use --device cpu.",
        "cuda-out-of-memory": "Try --compute-type int8, a smaller --batch-size or --model, "
        "or --device cpu; `nvidia-smi` shows who else uses the GPU.",
        "out-of-memory": "Try a smaller --model, or --compute-type int8.",
        "model-not-loaded": f"Run `mlenv models verify {options.model}`.",
        "compute-type-unknown": "There are int8, int8_float16, int8_float32, int16, float16, "
        "bfloat16, float32 and auto.",
    }
    return MlenvError(event["code"], event["message"], hints.get(event["code"], ""))


def _announced(event: dict[str, Any]) -> Iterator[Note]:
    if event.get("warning"):
        yield Note(event["warning"], warning=True)
    if "compute_type" in event:
        yield Note(f"transcribing on {event['device']} in {event['compute_type']} ({event['why']})")


def _transcript(file: _File, startup: dict[str, float]) -> Transcript:
    turns = file.turns or []
    segments = speakers.with_speakers(file.segments, file.exclusive) if turns else file.segments
    first_heard = sorted(turns, key=lambda turn: turn["start"])
    return {
        "path": file.source.shown,
        "language": file.language,
        "duration": file.duration,
        "segments": segments,
        "speakers": list(dict.fromkeys(turn["speaker"] for turn in first_heard)),
        "turns": turns,
        "timings": {**startup, **file.timings},
    }


def _memory() -> str | None:
    """A directory in memory where Linux has one; else the usual one for temporary files."""
    shared = Path("/dev/shm")
    try:
        return str(shared) if shutil.disk_usage(shared).free > 2 << 30 else None
    except OSError:
        return None
