"""Build the workers' configurations, and explain their refusals."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlenv.result import MlenvError
from mlenv.speech.transcribe import memory
from mlenv.speech.transcribe.options import decoding
from mlenv.speech.workers.protocol import DiarizerConfig, Refused, TranscriberConfig

if TYPE_CHECKING:
    from mlenv.speech.transcribe.diarization import Pipeline

# glibc gives large blocks back to the kernel at once, and gets them anew for each window: a fifth
# of the CPU time. Blocks of whole recordings are above this limit and go back as before.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(512 << 20),
}
OUT_OF_MEMORY = {"cuda-out-of-memory": "cuda", "out-of-memory": "cpu"}


def settings(worker: str, options: argparse.Namespace) -> dict[str, str]:
    """Environment variables for a worker, beside those of the launch environment."""
    variables = {
        "PYANNOTE_METRICS_ENABLED": "0",
        # Threads that wait by spinning take the cores from the worker beside them.
        "OMP_WAIT_POLICY": "PASSIVE",
        "KMP_BLOCKTIME": "0",
        **{name: value for name, value in ALLOCATOR.items() if name not in os.environ},
    }
    if worker == "transcriber":  # NumPy's part is small: a second thread would only spin
        variables["OPENBLAS_NUM_THREADS"] = "1"
    if options.offline:
        variables["HF_HUB_OFFLINE"] = "1"
    if options.threads:
        variables["OMP_NUM_THREADS"] = str(options.threads)
    return variables


def transcription(
    options: argparse.Namespace, model: Path, device: str, at_once: int, *, stays: bool = False
) -> TranscriberConfig:
    """The transcriber's configuration. With `stays`, whatever belongs to a file comes with it."""
    return TranscriberConfig(
        model=str(model),
        device=device,
        device_index=options.device_index,
        compute_type=options.compute_type,
        threads=options.threads,
        at_once=at_once,
        seed=options.seed,
        stays=stays,
        **(_PLAIN if stays else about_words(options)),
    )


_PLAIN: dict[str, Any] = {"batch_size": None, "options": {"vad_filter": True}}


def about_words(options: argparse.Namespace) -> dict[str, Any]:
    """Fields of the transcriber's configuration that may be other ones for each file."""
    return {
        "batch_size": (options.batch_size or 8) if options.batched else None,
        "options": decoding(options),
        **_sound(options),
    }


def diarization(options: argparse.Namespace, chosen: Pipeline) -> DiarizerConfig:
    """The diarizer's configuration."""
    return DiarizerConfig(
        pipeline=dict(chosen.request),
        device=options.device,
        device_index=options.device_index,
        **about_speakers(options),
    )


def about_speakers(options: argparse.Namespace) -> dict[str, Any]:
    """Fields of the diarizer's configuration that may be other ones for each file."""
    return {
        "num_speakers": options.num_speakers,
        "min_speakers": options.min_speakers,
        "max_speakers": options.max_speakers,
        "memory": memory.of_machine(),
        **_sound(options),
    }


def _sound(options: argparse.Namespace) -> dict[str, Any]:
    return {"track": list(options.track or ()), "channels": options.channels}


def _multilingual(model: str) -> str:
    """The model of the same size for all languages, where the name says which."""
    name = model.removesuffix(".en")
    return name if name != model and "/" not in name else "base"


def refusal(refused: Refused, options: argparse.Namespace) -> MlenvError:
    """The error for a worker that would not begin, with what to do about it."""
    hints = {
        "model-not-loaded": f"Run `mlenv models verify {options.model}`.",
        "language-not-in-model": "Name a model for all languages, such as --model "
        f"{_multilingual(options.model)}: {options.model} is not one.",
    }
    if refused.code in OUT_OF_MEMORY:
        hint = memory.advice(options, OUT_OF_MEMORY[refused.code])
    else:
        hint = hints.get(refused.code, "")
    return MlenvError(refused.code, refused.message, hint)
