"""Build the workers' configurations, and explain their refusals."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mlenv.result import MlenvError
from mlenv.speech.transcribe import memory
from mlenv.speech.transcribe.options import decoding
from mlenv.speech.workers.protocol import DiarizerConfig, Refused, TranscriberConfig

if TYPE_CHECKING:
    from mlenv.speech.transcribe.diarization import Pipeline

OUT_OF_MEMORY = {"cuda-out-of-memory": "cuda", "out-of-memory": "cpu"}


def settings(worker: str, options: argparse.Namespace) -> dict[str, str]:
    """Environment variables for a worker, beside those of the launch environment."""
    variables = {
        "PYANNOTE_METRICS_ENABLED": "0",
        # Threads that wait by spinning take the cores from the worker beside them.
        "OMP_WAIT_POLICY": "PASSIVE",
        "KMP_BLOCKTIME": "0",
    }
    if worker == "transcriber":  # NumPy's part is small: a second thread would only spin
        variables["OPENBLAS_NUM_THREADS"] = "1"
    if options.offline:
        variables["HF_HUB_OFFLINE"] = "1"
    if options.threads:
        variables["OMP_NUM_THREADS"] = str(options.threads)
    return variables


def transcription(
    options: argparse.Namespace, model: Path, device: str, at_once: int
) -> TranscriberConfig:
    """The transcriber's configuration."""
    return TranscriberConfig(
        model=str(model),
        device=device,
        device_index=options.device_index,
        compute_type=options.compute_type,
        threads=options.threads,
        at_once=at_once,
        batch_size=(options.batch_size or 8) if options.batched else None,
        options=decoding(options),
        seed=options.seed,
        track=list(options.track or ()),
        channels=options.channels,
    )


def diarization(options: argparse.Namespace, chosen: Pipeline) -> DiarizerConfig:
    """The diarizer's configuration."""
    return DiarizerConfig(
        pipeline=dict(chosen.request),
        device=options.device,
        device_index=options.device_index,
        num_speakers=options.num_speakers,
        min_speakers=options.min_speakers,
        max_speakers=options.max_speakers,
        track=list(options.track or ()),
        channels=options.channels,
        memory=memory.of_machine(),
    )


def refusal(refused: Refused, options: argparse.Namespace) -> MlenvError:
    """The error for a worker that would not begin, with what to do about it."""
    hints = {
        "cuda-not-available": "Run `mlenv doctor` to see why, or use --device cpu.",
        "model-not-loaded": f"Run `mlenv models verify {options.model}`.",
        "language-unknown": "Use a code such as en, de or fr, or leave --language out to have it "
        "found out.",
        "language-not-in-model": f"Name a model for all languages: {options.model} is not one.",
        "compute-type-unknown": "There are int8, int8_float16, int8_float32, int16, float16, "
        "bfloat16, float32 and auto.",
    }
    if refused.code in OUT_OF_MEMORY:
        hint = memory.advice(options, OUT_OF_MEMORY[refused.code])
    else:
        hint = hints.get(refused.code, "")
    return MlenvError(refused.code, refused.message, hint)
