"""Worker: speech to text with faster-whisper.

The first request says how: {"model", "device", "device_index", "compute_type", "threads",
"batch_size", "options", "handover"}; every other one names a file: {"id", "path"}. Events:
`trying` (a device is about to be used, which may end the process), `ready`, then for each file
`decoded`, `segment`.., and `done` or `failed`.

Runs inside the environment; imports nothing of mlenv and never torch: CTranslate2's converters
would import it, and it takes longer than everything else together.
"""

import sys

sys.modules["torch"] = None

from protocol import Clock, Events, libraries, requests  # noqa: E402

emit = Events()
clock = Clock()

import ctranslate2  # noqa: E402
import numpy as np  # noqa: E402
from audio import RATE, Undecodable, as_float, decode, hand_over  # noqa: E402
from faster_whisper import BatchedInferencePipeline, WhisperModel  # noqa: E402
from faster_whisper.vad import VadOptions  # noqa: E402

# What to compute in, best first, where nothing is asked for.
PREFERRED = {
    "cpu": ("int8", "int8_float32", "float32"),
    "cuda": ("float16", "bfloat16", "int8_float32", "float32"),
}
# The next best of a type that a device lacks.
NEXT_BEST = {
    "int8_float16": ("int8_float32", "int8"),
    "int8_bfloat16": ("int8_float16", "int8_float32", "int8"),
    "int8_float32": ("int8",),
    "int8": ("int8_float32", "float32"),
    "int16": ("int8", "float32"),
    "float16": ("bfloat16", "float32"),
    "bfloat16": ("float16", "float32"),
    "float32": (),
}


class Refused(Exception):
    """The request can't be met; `code` for programs, the text for people."""

    def __init__(self, code: str, message: str, **facts: object) -> None:
        super().__init__(message)
        self.code, self.facts = code, facts


def cuda_trouble() -> str | None:
    """Why CTranslate2 can use no GPU here; None where it sees one."""
    try:
        count = ctranslate2.get_cuda_device_count()
    except RuntimeError as error:
        return str(error)
    return None if count else "CTranslate2 sees no CUDA device"


def compute_type(asked: str, device: str, index: int) -> tuple[str, str | None]:
    """The type to compute in, and a warning where it is not the one that was asked for."""
    supported = ctranslate2.get_supported_compute_types(device, index)
    if asked in ("auto", "default"):
        return next(kind for kind in PREFERRED[device] if kind in supported), None
    if asked not in NEXT_BEST:
        raise Refused("compute-type-unknown", f"There is no compute type `{asked}`.")
    if asked in supported:
        return asked, None
    second = next((kind for kind in NEXT_BEST[asked] if kind in supported), "float32")
    return second, f"this {device} can't compute in {asked}, so it is {second}"


def load(config: dict) -> tuple[WhisperModel, dict]:
    """The model on the device asked for, and what to say about it."""
    device, why = config["device"], "asked for"
    if device == "auto":
        trouble = cuda_trouble()
        device, why = ("cpu", trouble) if trouble else ("cuda", "CTranslate2 sees a CUDA device")
    elif device == "cuda" and (trouble := cuda_trouble()):
        raise Refused("cuda-not-available", f"--device cuda was asked for, but {trouble}.")
    index = config["device_index"]
    try:
        kind, warning = compute_type(config["compute_type"], device, index)
        emit("trying", device=device)
        model = WhisperModel(
            config["model"],
            device=device,
            device_index=index,
            compute_type=kind,
            cpu_threads=config["threads"],
            local_files_only=True,
        )
        if device == "cuda":  # cuDNN and cuBLAS are opened at the first use: have it now
            model.encode(np.zeros((model.feature_extractor.mel_filters.shape[0], 3000), np.float32))
    except (RuntimeError, ValueError) as error:
        if device == "cuda" and config["device"] == "auto" and not out_of_memory(error):
            return load_on_cpu(config, str(error))
        raise explained(error, device, config) from error
    return model, {"device": device, "why": why, "compute_type": kind, "warning": warning}


def load_on_cpu(config: dict, trouble: str) -> tuple[WhisperModel, dict]:
    model, said = load({**config, "device": "cpu", "device_index": 0})
    return model, {**said, "why": f"CUDA did not work: {trouble}"}


def out_of_memory(error: BaseException) -> bool:
    return "out of memory" in str(error).lower() or isinstance(error, MemoryError)


def explained(error: BaseException, device: str, config: dict) -> Refused:
    if out_of_memory(error):
        return Refused("cuda-out-of-memory" if device == "cuda" else "out-of-memory", str(error))
    return Refused("model-not-loaded", f"{config['model']} can't be loaded: {error}")


def segments_of(model, batched, audio: np.ndarray, config: dict):
    """Segments as they come, and what was found out about the whole."""
    options = dict(config["options"])
    vad = options.pop("vad_parameters", None)
    if vad is not None:
        options["vad_parameters"] = VadOptions(**vad)
    if not model.model.is_multilingual:
        options["language"] = "en"
    if batched:
        options.pop("condition_on_previous_text", None)
        return batched.transcribe(audio, batch_size=config["batch_size"], **options)
    return model.transcribe(audio, **options)


def as_event(segment, job: int) -> dict:
    words = [
        {
            "word": word.word,
            "start": round(float(word.start), 3),
            "end": round(float(word.end), 3),
            "probability": round(float(word.probability), 3),
        }
        for word in segment.words or ()
    ]
    return {
        "segment": {
            "start": round(float(segment.start), 3),
            "end": round(float(segment.end), 3),
            "text": segment.text.strip(),
            "words": words,
        },
        "id": job,
    }


def transcribe(model, batched, config: dict, job: dict) -> None:
    took = Clock()
    samples, said = decode(job["path"])
    duration = round(len(samples) / RATE, 3)
    truncated = said if said and said - duration > max(1.0, 0.02 * said) else None
    path = hand_over(samples, config["handover"]) if config["handover"] else None
    emit("decoded", id=job["id"], duration=duration, truncated=truncated, path=path)
    seconds = {"decode": took.lap()}
    language = None
    if len(samples):
        found, info = segments_of(model, batched, as_float(samples), config)
        language = info.language
        for segment in found:
            emit("segment", **as_event(segment, job["id"]))
    seconds["transcribe"] = took.lap()
    emit("done", id=job["id"], language=language, seconds=seconds, libraries=libraries())


def main() -> None:
    incoming = requests()
    seconds = {"import": clock.lap()}
    config = next(incoming, None)
    if config is None:  # the caller has changed its mind
        return
    clock.lap()
    try:
        model, said = load(config)
    except Refused as error:
        emit("refused", code=error.code, message=str(error))
        return
    batched = BatchedInferencePipeline(model) if config["batch_size"] else None
    emit("ready", **said, seconds={**seconds, "load": clock.lap()})
    for job in incoming:
        try:
            transcribe(model, batched, config, job)
        except Undecodable as error:
            emit("failed", id=job["id"], code=error.code, message=str(error))
        except (RuntimeError, ValueError, MemoryError) as error:
            if out_of_memory(error):
                code = "cuda-out-of-memory" if said["device"] == "cuda" else "out-of-memory"
                emit("refused", code=code, message=str(error))
                return
            emit("failed", id=job["id"], code="transcription-failed", message=f"failed: {error}")


if __name__ == "__main__":
    main()
