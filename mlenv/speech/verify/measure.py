"""Prove on this machine that the environment transcribes and diarizes.

The conversation that ships with mlenv goes through the same workers as any other file. Its words
and turns are known, so the result can be scored; its time is measured too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from mlenv.environment import receipts
from mlenv.progress import Progress
from mlenv.result import MlenvError, Problem
from mlenv.speech.models import Model, fetch
from mlenv.speech.transcribe import diarization, events, inputs, job
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.transcript import Transcript, Turn
from mlenv.speech.verify import alignment, samples, scores

# Limits above which the environment counts as broken. Measured: word error rate 0.058 with base,
# 0.048 with tiny.en, diarization error rate 0.036.
WORST_WORD_ERROR_RATE = 0.15
WORST_DIARIZATION_ERROR_RATE = 0.10

DIARIZATION = "diarization"

_ASKED = "--device cuda was asked for, but "  # how a worker's refusal begins


class Row(receipts.Row, frozen=True, kw_only=True):
    """One model on one device, and the library files that it loaded. `code`: that of `problem`.

    `words`: those of a Whisper model, each beside the known one. `turns`: those that the
    diarization found.
    """

    libraries: tuple[str, ...] = ()
    ok: bool = True
    code: str = ""
    words: tuple[alignment.Spoken, ...] = ()
    turns: tuple[Turn, ...] = ()

    def as_problem(self) -> Problem:
        """Why it counts as failed: the first line of `problem`; what to do are the others."""
        first, _, hint = self.problem.partition("\n")
        return Problem(self.code, f"{self.model} on {self.device}: {first}", hint=hint)


class Measured(Struct, frozen=True, kw_only=True):
    """All rows; `left_out`: devices without any, and why."""

    rows: tuple[Row, ...]
    left_out: dict[str, str]


def measured(
    venv: Path,
    names: Sequence[str],
    devices: Sequence[str],
    progress: Progress,
    *,
    diarize: bool = True,
    offline: bool = False,
) -> Measured:
    """A row for each Whisper model on each device, then one for diarization.

    `devices`: cpu and cuda. With both, a machine without a usable GPU gets rows for its CPU only.
    """
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    for device in devices:
        optional = device == "cuda" and len(devices) > 1
        for name in [*names, *([DIARIZATION] if diarize else [])]:
            progress.step(f"{name} on {device}")
            try:
                row = _row(venv, name, device, progress, offline)
            except MlenvError as error:
                if optional and error.code == "cuda-not-available":
                    progress.end()
                    left_out[device] = error.message.removeprefix(_ASKED)
                    break
                problem = error.problem().text
                row = Row(model=name, device=device, problem=problem, ok=False, code=error.code)
            progress.end()
            rows.append(row)
    return Measured(rows=tuple(rows), left_out=left_out)


def reference() -> list[Turn]:
    """The known turns, silence inside each left out."""
    return [
        {"start": start, "end": end, "speaker": turn["speaker"]}
        for turn in samples.truth()["turns"]
        for start, end in turn["speech"]
    ]


def _row(venv: Path, name: str, device: str, progress: Progress, offline: bool) -> Row:
    diarize = name == DIARIZATION
    words = [str(samples.CONVERSATION), "--device", device, "--diarize-model", "open"]
    chosen = [] if diarize else ["--model", name, "--word-timestamps"]
    options = parse([*words, *chosen], diarize_only=diarize)
    work = job.Job(venv, options)

    def place(model: Model) -> Path:
        return fetch.ensure(model, venv, offline=offline, progress=progress).path

    def model() -> Path:
        return fetch.by_name(name, venv, offline=offline, progress=progress).path

    def pipeline() -> diarization.Pipeline:
        return diarization.choose(options, venv, place)

    try:
        (source,) = inputs.expand([str(samples.CONVERSATION)])
        transcript = None
        for event in work.run([source], model, pipeline):
            if isinstance(event, events.Failed):
                code, problem = event.problem.code, event.problem.text
                return Row(model=name, device=device, problem=problem, ok=False, code=code)
            if isinstance(event, events.Finished):
                transcript = event.transcript
    finally:
        work.close()
    assert transcript is not None
    if diarize:
        return _diarized(venv, device, transcript, work.libraries)
    return _transcribed(name, device, transcript, work.crew.compute_type, work.libraries)


def _transcribed(
    name: str, device: str, transcript: Transcript, kind: str | None, libraries: tuple[str, ...]
) -> Row:
    expected = " ".join(turn["text"] for turn in samples.truth()["turns"])
    words = [word for segment in transcript["segments"] for word in segment["words"]]
    text = " ".join(segment["text"] for segment in transcript["segments"])
    rate = scores.word_error_rate([expected], [text])
    limit = WORST_WORD_ERROR_RATE
    wrong = f"the word error rate is {rate:.3f}, above {limit}" if rate > limit else ""
    spent = transcript["timings"]["transcribe"]
    return Row(
        model=name,
        device=device,
        compute_type=kind,
        load=transcript["timings"]["load"],
        inference=spent,
        real_time_factor=round(spent / transcript["duration"], 4),
        measure="word error rate",
        error_rate=rate,
        limit=limit,
        problem=wrong,
        libraries=libraries,
        ok=not wrong,
        code="word-errors" if wrong else "",
        words=alignment.aligned(words, expected.split()),
    )


def _diarized(venv: Path, device: str, transcript: Transcript, libraries: tuple[str, ...]) -> Row:
    errors = scores.diarization_errors(venv, reference(), transcript["turns"])
    rate, speakers = errors["diarization_error_rate"], int(errors["speakers"])
    expected, limit = int(errors["speakers_expected"]), WORST_DIARIZATION_ERROR_RATE
    wrong = ""
    if rate > limit:
        wrong = f"the diarization error rate is {rate:.3f}, above {limit}"
    elif speakers != expected:
        wrong = f"{speakers} speakers were found of {expected}"
    spent = transcript["timings"]["diarize"]
    return Row(
        model=DIARIZATION,
        device=device,
        load=transcript["timings"]["load_diarizer"],
        inference=spent,
        real_time_factor=round(spent / transcript["duration"], 4),
        measure="diarization error rate",
        error_rate=rate,
        limit=limit,
        speakers=speakers,
        problem=wrong,
        libraries=libraries,
        ok=not wrong,
        code=("diarization-errors" if rate > limit else "number-of-speakers") if wrong else "",
        turns=tuple(transcript["turns"]),
    )
