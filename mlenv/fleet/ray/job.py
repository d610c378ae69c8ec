"""Run files through the nodes of a Ray cluster and yield what happens as events.

Inputs, outputs and records are those of a local run: this takes the place of its workers only, and
mlenv alone writes transcripts. Each actor of the pool is at one file, so what dies costs the work
on that file and no more. A file is tried once more where a worker or an actor has died over it; one
that ends a second is put aside. That a node is lost is no fault of its files, until the third time.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mlenv.fleet.ray import addresses
from mlenv.fleet.ray.addresses import Objects, RemoteSource
from mlenv.fleet.ray.environment_process import EnvironmentProcess
from mlenv.fleet.ray.remote_folder import RemoteFolder, is_plain
from mlenv.fleet.ray.settings import settings_of
from mlenv.result import MlenvError, Problem, redacted
from mlenv.speech.transcribe import inputs, names, speakers
from mlenv.speech.transcribe.events import Event, Failed, Finished, Note, Progress, Warned
from mlenv.speech.transcribe.folder import Folder, LocalFolder
from mlenv.speech.transcribe.inputs import Source, State, Survey, text_of
from mlenv.speech.transcribe.transcript import Transcript

if TYPE_CHECKING:
    from mlenv.speech.transcribe.diarization import Pipeline

MOST = {"worker": 2, "actor": 2, "node": 3}  # deaths over one file until it is put aside
STARTS, AGAIN_IN = 6, 5.0  # of the pool, as long as no actor was ready, and seconds between them
DIED = "worker-died"  # the code of a file that has ended a worker of the transcription


@dataclass(slots=True)
class Pending:
    """A file on its way. `before`: its state when it was last given out; `deaths` by what died."""

    source: Source
    before: State | None = None
    deaths: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Totals:
    """The work of all actors, in seconds: of audio, and of their time."""

    audio: float = 0.0
    busy: float = 0.0
    gpu: bool = False
    began: float = field(default_factory=time.monotonic)

    def note(self) -> Note:
        """One line on the run as a whole."""
        spent = max(time.monotonic() - self.began, 0.001)
        kind = "GPU hours" if self.gpu else "hours of workers"
        return Note(
            f"{_time(self.audio)} of audio in {_time(spent)}: "
            f"{self.audio / spent:.1f} times real time, {self.busy / 3600:.2f} {kind}"
        )


class RayJob:
    """One call of `transcribe --engine ray`: the pool, and the files under way in it."""

    def __init__(self, venv: Path, options: argparse.Namespace) -> None:
        self._options = options
        self._venv = venv
        self._process = EnvironmentProcess(venv, "pool_server")
        self._starts = 1
        self._objects = Objects(venv)
        self._files: dict[int, Pending] = {}
        self._waiting: deque[int] = deque()
        self._given: set[int] = set()
        self._actors = 0
        self._has_begun = False
        self._totals = Totals()

    def close(self) -> None:
        """Leave the cluster and give up what is unfinished."""
        self._process.close()
        self._objects.close()

    def survey(self, words: Sequence[str], *, recursive: bool) -> Survey:
        """The recordings that words lead to, which may be addresses; raises `MlenvError`."""
        local = partial(inputs.survey, recursive=recursive)
        return addresses.surveyed(words, self._objects, local, recursive=recursive)

    def folder(self, word: str) -> Folder:
        """The place that `--output-dir` names, which may be an address; raises `MlenvError`."""
        if not names.is_address(word):
            return LocalFolder(names.output_directory(word))
        if not is_plain(word):
            message = f"No files can be written below {addresses.shown(word)}."
            raise MlenvError("not-writable", message, "Name an address without `::` and `?`.")
        return RemoteFolder(word, self._objects)

    def run(
        self,
        sources: Sequence[Source],
        model: Callable[[], Path],
        pipeline: Callable[[], Pipeline],
    ) -> Iterator[Event]:
        """Transcribe `sources`; raises `MlenvError` where none of them can go on.

        The nodes look for models themselves.
        """
        settings = settings_of(self._venv, self._options, sources)
        self._process.send(settings)
        if self._options.diarize and len(sources) > 1:
            yield Note(speakers.EACH_FILE)
        for number, source in enumerate(sources):
            if source.held:
                message = f"{source.label} can be read on this machine only: name a file."
                yield Failed(source, Problem("audio-unreadable", message))
            else:
                self._files[number] = Pending(source)
        # The longest first: else one that comes late keeps all waiting for it at the end.
        self._waiting.extend(sorted(self._files, key=lambda each: -_size(self._files[each].source)))
        while self._files:
            self._give()
            try:
                event = self._process.receive()
            except MlenvError as error:
                if self._has_begun or self._starts == STARTS:
                    raise
                yield Note(f"{error.message} It is started anew in {AGAIN_IN:.0f} s.", warning=True)
                self._start_anew(settings)
            else:
                yield from self._take(event)
        yield self._totals.note()

    def _start_anew(self, settings: dict[str, Any]) -> None:
        """Connect once more to a cluster that may not know yet that a node of it is gone."""
        time.sleep(AGAIN_IN)
        self._process.close()
        self._process = EnvironmentProcess(self._venv, "pool_server")
        self._process.send(settings)
        self._starts += 1

    def _give(self) -> None:
        """Send the pool one file more for each actor than is at work, so that it is ready."""
        while self._waiting and len(self._given) < 2 * self._actors:
            number = self._waiting.popleft()
            file = self._files[number]
            file.before = file.source.state()
            self._given.add(number)
            request = {"id": number, "audio": text_of(file.source.file)}
            if isinstance(file.source, RemoteSource):
                request["address"] = file.source.address
            self._process.send(request)

    def _take(self, event: dict[str, Any]) -> Iterator[Event]:
        match event["event"]:
            case "note":
                yield Note(redacted(event["text"]), warning=event["warning"])
            case "capacity":
                self._has_begun = True
                self._actors, self._totals.gpu = event["actors"], event["gpu"]
            case "refused":
                raise MlenvError(event["code"], redacted(event["message"]))
            case "lost":
                yield from self._lost(event["id"], event["how"], f"{event['message']}.")
            case "answer":
                self._totals.busy += event["seconds"]
                if event["died"]:
                    yield from self._lost(event["id"], "worker", f"{event['died']}.")
                else:
                    yield from self._answered(event["id"], event)

    def _answered(self, number: int, event: dict[str, Any]) -> Iterator[Event]:
        source, before = self._files[number].source, self._files[number].before
        if trouble := event.get("trouble"):
            yield self._unread(number, trouble)
            return
        *lines, end = event["lines"]
        own = _as_called(source, event.get("audio") or text_of(source.file))
        if isinstance(source, RemoteSource):
            source = addresses.with_state(source, event["state"])
            before = source.state()
        transcript: Any = next((line for line in lines if line["event"] == "file"), None)
        problem = None
        for error in end["errors"]:
            message, _, hint = own(error["message"]).partition("\n")
            problem = Problem(error["code"], message, hint=hint)
        if problem and problem.code == DIED and self._is_tried_again(number, "worker"):
            yield self._again(number, problem.message)
            return
        if problem and problem.code == DIED:
            problem = problem._replace(message=_twice(problem.message))
        self._over(number)
        if transcript is None:
            assert problem
            yield Failed(source, problem)
            return
        found = _transcript(transcript, source, own)
        self._totals.audio += found["duration"]
        for warning in found["warnings"]:
            yield Warned(source, warning["message"])
        yield Progress(source, found["duration"], found["duration"])
        yield Finished(source, found, problem, before, event["sha256"])

    def _unread(self, number: int, trouble: dict[str, Any]) -> Failed:
        """A recording at an address that its node could not fetch."""
        source = self._files[number].source
        assert isinstance(source, RemoteSource)
        self._over(number)
        problem = addresses.error_of(trouble, source.address).problem()
        code = "audio-missing" if problem.code == "not-found" else "audio-unreadable"
        return Failed(source, problem._replace(code=code))

    def _lost(self, number: int, how: str, message: str) -> Iterator[Event]:
        """Try a file again whose worker is gone, or put it aside."""
        if self._is_tried_again(number, how):
            yield self._again(number, message)
            return
        source = self._files[number].source
        self._over(number)
        count = "three" if how == "node" else "two"
        text = f"{source.label} ended {count} {how}s and is put aside. {message}"
        yield Failed(source, Problem(DIED, text))

    def _is_tried_again(self, number: int, how: str) -> bool:
        deaths = self._files[number].deaths
        deaths[how] += 1
        return deaths[how] < MOST[how] and deaths["worker"] + deaths["actor"] < MOST["worker"]

    def _again(self, number: int, message: str) -> Note:
        self._given.discard(number)
        self._waiting.appendleft(number)
        label = self._files[number].source.label
        return Note(f"{label} is tried once more: {message}", warning=True)

    def _over(self, number: int) -> None:
        self._given.discard(number)
        del self._files[number]


def _size(source: Source) -> int:
    """Bytes of a recording; 0 where nobody says."""
    if isinstance(source, RemoteSource):
        return source.seen.size if source.seen else 0
    state = source.state()
    return state.size if state else 0


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.2f} hours" if seconds >= 600 else f"{seconds:.0f} s"


def _as_called(source: Source, audio: str) -> Callable[[str], str]:
    """A function that gives a message of a node's the name that this run has for the file.

    `audio`: the node's own.
    """
    there = inputs.printable(audio)

    def own(message: str) -> str:
        return source.label + message.removeprefix(there) if message.startswith(there) else message

    return own


def _transcript(line: dict[str, Any], source: Source, own: Callable[[str], str]) -> Transcript:
    """The transcript of a line of `--serve`, as a local run has it."""
    fields = {key: line[key] for key in line if key not in ("event", "id", "replaces_segments")}
    warnings = [{**each, "message": own(each["message"])} for each in line["warnings"]]
    return cast("Transcript", {**fields, "path": source.shown, "warnings": warnings})


def _twice(message: str) -> str:
    """The message of `--serve`, which gives up a file at once, for one that was tried twice."""
    return message.replace("ended a worker and", "ended two workers and", 1)
