"""The parts of the job that the doctor tries: which worker runs each, and what it needs."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mlenv.doctor.facts.files import ModelFile
from mlenv.doctor.facts.trial import Job, Part, Situation
from mlenv.result import MlenvError
from mlenv.speech import models
from mlenv.speech.models import Model, pinned
from mlenv.speech.transcribe import left_out
from mlenv.speech.transcribe.worker_process import ENTRY
from mlenv.speech.verify import samples
from mlenv.speech.workers.protocol import TranscriberConfig

# Bytes of a model that loads and runs while the other parts are being imported.
SMALL = 200 << 20
TORCH = ("torch", "torchvision", "torchaudio")


def job(environ: Mapping[str, str] = os.environ) -> Job:
    """All parts, together those that one process can try."""

    def words(situation: Situation) -> tuple[str, ...]:
        return () if situation.quick else _with_model(environ, situation.gpu)

    speakers = Part("speakers", ("pyannote-audio",), absent=left_out.NO_DIARIZATION)
    return Job(
        ENTRY,
        (
            (Part("torch", TORCH, lambda situation: situation.there), speakers),
            (
                Part("words", ("faster-whisper",), words, always=True, quick=True),
                Part("hub", ("huggingface-hub",)),
            ),
        ),
        tuple(_model_files(environ)),
    )


def _model_files(environ: Mapping[str, str]) -> Iterator[ModelFile]:
    """The files of models with known sizes in the caches, which are downloaded again."""
    for model in _known(environ):
        for directory, source in models.places(model, environ):
            if source != "folder" and os.path.isdir(directory):  # noqa: PTH112 (never raises)
                resumes = directory.with_name(f".{model.name}.partial")  # as `models.fetch` does
                for file in model.files:
                    path = str(directory / file.name)
                    yield ModelFile(
                        path, file.size, model.name, str(resumes) if source == "store" else ""
                    )


def _known(environ: Mapping[str, str]) -> Iterable[Model]:
    try:
        return pinned.known(environ).values()
    except MlenvError:  # an organisation's own manifest, and a mistake in it
        return ()


def _with_model(environ: Mapping[str, str], gpu: bool) -> tuple[str, ...]:
    """The request for a second of the sample with the smallest model here, if one is small."""
    for model in sorted(_known(environ), key=lambda model: model.size):
        if model.kind != "whisper" or model.size > SMALL:
            continue
        for directory, _ in models.places(model, environ):
            if _whole(model, directory):
                return (_request(model.name, str(directory), gpu),)
    return ()


def _whole(model: Model, directory: Path) -> bool:
    try:
        return all((directory / file.name).stat().st_size == file.size for file in model.files)
    except OSError:
        return False


def _request(name: str, directory: str, gpu: bool) -> str:
    config = TranscriberConfig(
        model=directory,
        device="auto" if gpu else "cpu",
        device_index=0,
        compute_type="auto",
        threads=1,
        at_once=1,
        batch_size=None,
        options={"vad_filter": True, "clip_timestamps": "0,1", "beam_size": 1},
    )
    return json.dumps(
        {"config": dataclasses.asdict(config), "audio": str(samples.CONVERSATION), "model": name}
    )
