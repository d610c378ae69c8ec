"""Worker: speaker diarization with pyannote.audio.

Requests: one `DiarizerConfig`, then a `FileRequest` for each file, with the samples that the
transcriber decoded or a path to decode here.

Never imports CTranslate2. Samples are handed to pyannote in memory: its own decoder (torchcodec)
does not load beside every torch.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.modules["ctranslate2"] = None  # type: ignore[assignment]

from . import pipe, protocol, room  # noqa: E402
from .cores import cores  # noqa: E402

emit = pipe.Events()  # before any library is imported that may print
clock = protocol.Clock()
warnings.simplefilter("ignore")

# What they write to be imported, and would leave there, since this process is killed in the end.
with tempfile.TemporaryDirectory(prefix=f"{protocol.SCRATCH}{os.getpid()}-") as tempfile.tempdir:
    lock = os.open(tempfile.tempdir, os.O_RDONLY)  # others clear what nobody holds
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    import torch
    from pyannote.audio import Pipeline
os.close(lock)
tempfile.tempdir = None
torch.set_num_threads(min(torch.get_num_threads(), cores()))

from .audio import Undecodable, as_float, channel_of, decode, take_over  # noqa: E402
from .mixing import RATE  # noqa: E402

BATCHES = ("segmentation_batch_size", "embedding_batch_size")
SHORTEST = RATE // 10  # samples; less holds no turn


class NoCuda(Exception):
    """CUDA was asked for and torch sees no device."""


def load(config: protocol.DiarizerConfig) -> tuple[Any, str, tuple[str, ...]]:
    """The pipeline on its device, the device's name, and notes; raises `NoCuda`."""
    notes: tuple[str, ...] = ()
    if config.pipeline["kind"] == "open":
        from .campplus import open_pipeline

        pipeline, notes = open_pipeline(
            config.pipeline["segmentation"], config.pipeline["embedding"]
        )
    else:
        pipeline = Pipeline.from_pretrained(config.pipeline["from"])
        if pipeline is None:
            raise RuntimeError(f"{config.pipeline['from']} may not be read")
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        if not torch.cuda.is_available():
            raise NoCuda
        pipeline.to(torch.device("cuda", config.device_index))
    return pipeline, device, notes


def waveform_of(config: protocol.DiarizerConfig, file: protocol.FileRequest) -> torch.Tensor:
    """(1, samples); raises `Undecodable`, and `MemoryError` where they are too many."""
    if file.samples is not None:
        room.check(Path(file.samples).stat().st_size // 2, config.memory)
        return torch.from_numpy(as_float(take_over(file.samples)))[None]
    recording = decode(file.path, config.track, channel_of(config.channels))
    emit(recording.event(file.id))
    room.check(len(recording.samples), config.memory)
    return torch.from_numpy(as_float(recording.samples.whole()))[None]


def diarize(
    pipeline: Any,
    bounded: room.Bounded,
    config: protocol.DiarizerConfig,
    file: protocol.FileRequest,
) -> None:
    """Find the turns of one file and send them; raises as `waveform_of` does."""
    timer = protocol.Clock()
    bounded.share = 1.0
    waveform = waveform_of(config, file)
    turns: list[protocol.Turn] = []
    exclusive: list[protocol.Turn] = []
    if waveform.shape[1] >= SHORTEST:
        speakers = {
            "num_speakers": config.num_speakers,
            "min_speakers": config.min_speakers,
            "max_speakers": config.max_speakers,
        }
        output = applied(
            pipeline,
            {"waveform": waveform, "sample_rate": RATE, "uri": "file"},
            hook=progress_of(file.id),
            **{name: count for name, count in speakers.items() if count},
        )
        turns = turns_of(getattr(output, "speaker_diarization", output))
        exclusive = turns_of(getattr(output, "exclusive_speaker_diarization", output))
    seconds = {"diarize": timer.lap()}
    libraries = protocol.libraries()
    emit(protocol.Diarized(file.id, turns, exclusive, seconds, libraries, bounded.warnings()))


def applied(pipeline: Any, file: dict[str, Any], **options: Any) -> Any:
    """Run the pipeline, in smaller batches where the GPU has no room for its own.

    For some batch sizes cuDNN takes many times the memory (pyannote-audio's issue 1963).
    """
    while True:
        try:
            return pipeline(file, **options)
        except torch.OutOfMemoryError:
            sizes = {name: getattr(pipeline, name, 1) for name in BATCHES}
            if max(sizes.values()) == 1:
                raise
            torch.cuda.empty_cache()
            for name, size in sizes.items():
                setattr(pipeline, name, max(1, size // 4))


def turns_of(annotation: Any) -> list[protocol.Turn]:
    """The turns of a pyannote annotation."""
    return [
        {"start": round(turn.start, 3), "end": round(turn.end, 3), "speaker": speaker}
        for turn, _, speaker in annotation.itertracks(yield_label=True)
    ]


def progress_of(file: int) -> Callable[..., None]:
    """A pyannote hook that sends the progress of one file."""

    def hook(
        step: str,
        _artifact: object,
        total: int | None = None,
        completed: int = 0,
        **_: object,
    ) -> None:
        if total:
            emit(protocol.Diarizing(file, step, round(completed / total, 3)))

    return hook


def main() -> None:
    """Load the pipeline that the first request names, then diarize file by file."""
    incoming = pipe.requests(protocol.DiarizerConfig, emit)
    seconds = {"import_diarizer": clock.lap()}
    config: protocol.DiarizerConfig | None = next(incoming, None)
    if config is None:  # mlenv ended before it knew the pipeline
        return
    clock.lap()
    try:
        pipeline, device, notes = load(config)
    except NoCuda:
        message = "--device cuda was asked for, but torch sees no CUDA device."
        emit(protocol.Refused("cuda-not-available", message))
        return
    bounded = room.Bounded(pipeline)
    emit(protocol.Ready(device, {**seconds, "load_diarizer": clock.lap()}, notes=notes))
    for file in incoming:
        try:
            diarize(pipeline, bounded, replace(config, **file.settings), file)
        except pipe.Cancelled:
            emit.end_cancelled(file.id)
        except Undecodable as error:
            emit(protocol.FileFailed(file.id, error.code, str(error)))
        except (torch.OutOfMemoryError, MemoryError) as error:
            on_gpu = isinstance(error, torch.OutOfMemoryError)
            code = "cuda-out-of-memory" if on_gpu else "out-of-memory"
            first, *_ = str(error).splitlines() or [""]
            emit(protocol.FileFailed(file.id, code, f"needs more memory than is free: {first}"))
        except Exception as error:
            traceback.print_exc()
            message = f"failed: {protocol.reason(error)}"
            emit(protocol.FileFailed(file.id, "diarization-failed", message))
