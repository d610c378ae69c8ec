"""The check of a new environment: examine it, then transcribe the sample in it."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from mlenv.doctor import examine
from mlenv.doctor.examine import FindingDocument
from mlenv.doctor.facts import target
from mlenv.environment import receipts
from mlenv.machine import host
from mlenv.progress import Progress
from mlenv.result import MlenvError, Problem
from mlenv.speech import models, trial
from mlenv.speech.models import fetch
from mlenv.speech.verify import measure, samples

# Small enough to be fetched with every new environment (78 MB), and good enough to be scored.
MODEL = "tiny.en"


class Check(Struct, frozen=True, kw_only=True):
    """The result. `health`: findings that fail or warn; `tried`: the parts of the job that ran.

    `transcription`: one row per device. `not_transcribed` says why there was none: the model could
    not be had. `unkept` says why no receipt was written.
    """

    health: tuple[FindingDocument, ...]
    tried: tuple[str, ...]
    transcription: tuple[measure.Row, ...]
    not_transcribed: str = ""
    unkept: str = ""
    sample_seconds: float

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The reasons why the check fails."""
        findings = [f for f in self.health if f.outcome in ("fail", "crash")]
        rows = [row for row in self.transcription if row.problem]
        return (
            *(
                Problem(finding.id, finding.title, hint=f"`mlenv doctor {finding.id}` says more.")
                for finding in findings
            ),
            *(row.as_problem() for row in rows),
        )


def check(venv: Path, progress: Progress, *, offline: bool = False) -> Check:
    """Examine `venv`, then transcribe the sample in it; keeps a receipt of that.

    A profile that asks for no faster-whisper has no job that could be tried.
    """
    seconds = samples.truth()["duration"]
    if not any(venv.glob("lib/python3*/site-packages/faster_whisper")):
        return Check(
            health=(),
            tried=(),
            transcription=(),
            not_transcribed="this profile has no faster-whisper, so nothing was tried in it",
            sample_seconds=seconds,
        )
    progress.step("Examining the new environment")
    report = examine.examine(target.of_venv(venv), job=trial.job())
    health = tuple(f for f in report.documents() if f.outcome in ("fail", "crash", "warn"))
    progress.end()
    tried = tuple(each.part for each in report.facts.trial if each.did)
    try:
        fetch.ensure(models.by_name(MODEL), venv, offline=offline, progress=progress)
    except MlenvError as error:
        return Check(
            health=health,
            tried=tried,
            transcription=(),
            not_transcribed=error.message,
            sample_seconds=seconds,
        )
    devices = ("cuda", "cpu") if host.collect().gpus else ("cpu",)
    measured = measure.measured(venv, [MODEL], devices, progress, diarize=False, offline=offline)
    rows = measured.rows
    libraries = [path for row in rows for path in row.libraries]
    unkept = ""
    try:
        receipts.keep(venv, receipts.of_now(venv, rows, libraries))
    except MlenvError as error:  # a home that can't be written to
        unkept = f"the result is kept nowhere: {error.message}"
    return Check(
        health=health, tried=tried, transcription=rows, unkept=unkept, sample_seconds=seconds
    )
