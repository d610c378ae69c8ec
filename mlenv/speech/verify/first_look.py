"""The first look at a new environment: is it healthy, does it transcribe?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlenv.doctor import examine
from mlenv.doctor.facts import target
from mlenv.environment import receipts
from mlenv.machine import host
from mlenv.progress import Progress
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import fetch
from mlenv.speech.verify import measure, samples

# Small enough to be fetched with every new environment (78 MB), and good enough to be scored.
MODEL = "tiny.en"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. `health`: the findings that fail or warn; `rows`: the transcriptions.

    `not_transcribed` says why there was none: the model could not be had.
    """

    health: tuple[Mapping[str, Any], ...]
    rows: tuple[measure.Row, ...]
    not_transcribed: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What makes the look a failure."""
        ill = [f"{f['title']} (`mlenv doctor {f['id']}`)" for f in self.health if _fails(f)]
        deaf = [f"{row.model} on {row.device}: {row.problem}" for row in self.rows if row.problem]
        return (*ill, *deaf)

    def document(self) -> dict[str, Any]:
        return {
            "health": [dict(finding) for finding in self.health],
            "transcription": [row.document() for row in self.rows],
            "not_transcribed": self.not_transcribed,
            "sample_seconds": samples.truth()["duration"],
        }


def at(venv: Path, progress: Progress, *, offline: bool = False) -> Look:
    """Examine `venv`, then transcribe the sample in it; keeps the receipt of that."""
    progress.step("Looking whether its libraries load")
    report = examine.examine(target.of_venv(venv))
    health = tuple(f for f in report.documents() if f["outcome"] in ("fail", "crash", "warn"))
    progress.end()
    try:
        fetch.ensure(models.named(MODEL), venv, offline=offline, progress=progress)
    except MlenvError as error:
        return Look(health, (), error.message)
    devices = ("cuda", "cpu") if host.collect().gpus else ("cpu",)
    rows = tuple(measure.rows(venv, [MODEL], devices, progress, diarize=False, offline=offline))
    receipts.keep(venv, receipts.made(venv, [row.document() for row in rows]))
    return Look(health, rows)


def _fails(finding: Mapping[str, Any]) -> bool:
    return finding["outcome"] in ("fail", "crash")
