"""Worker: speech to text with faster-whisper.

The first request says how: {"model", "device", "device_index", "compute_type", "threads",
"at_once", "fit_window", "batch_size", "options", "handover"}; every other one names a file:
{"id", "path"}. Events: `trying` (a device is about to be used, which may end the process),
`ready`, then for each file `decoded`, `segment`.., and `done` or `failed`. On a CPU up to
`at_once` files are under way together, so events of several files come mixed.

Runs inside the environment; imports nothing of mlenv and never torch: CTranslate2's converters
would import it, and it takes longer than everything else together.
"""

import sys

sys.modules["torch"] = None

from protocol import Clock, Events, libraries, requests  # noqa: E402

emit = Events()
clock = Clock()

import os  # noqa: E402
import traceback  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402

import numpy as np  # noqa: E402
from audio import RATE, Undecodable, as_float, decode, hand_over  # noqa: E402
from faster_whisper import BatchedInferencePipeline  # noqa: E402
from faster_whisper.vad import VadOptions  # noqa: E402
from whisper import Refused, load, out_of_memory  # noqa: E402


def segments_of(model, audio: np.ndarray, config: dict):
    """Segments as they come, and what was found out about the whole."""
    options = dict(config["options"])
    vad = options.pop("vad_parameters", None)
    if vad is not None:
        options["vad_parameters"] = VadOptions(**vad)
    if not model.model.is_multilingual:
        options["language"] = "en"
    if config["batch_size"]:
        options.pop("condition_on_previous_text", None)
        batched = BatchedInferencePipeline(model)
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


def transcribe(model, config: dict, job: dict) -> None:
    took = Clock()
    samples, said = decode(job["path"])
    duration = round(len(samples) / RATE, 3)
    truncated = said if said and said - duration > max(1.0, 0.02 * said) else None
    path = hand_over(samples, config["handover"]) if config["handover"] else None
    emit("decoded", id=job["id"], duration=duration, truncated=truncated, path=path)
    seconds = {"decode": took.lap()}
    language = None
    if len(samples):
        found, info = segments_of(model, as_float(samples), config)
        language = info.language
        for segment in found:
            emit("segment", **as_event(segment, job["id"]))
    seconds["transcribe"] = took.lap()
    emit("done", id=job["id"], language=language, seconds=seconds, libraries=libraries())


def attempt(model, config: dict, job: dict, device: str) -> None:
    """Transcribe one file; what is wrong with it is said and hinders no other."""
    try:
        transcribe(model, config, job)
    except Undecodable as error:
        emit("failed", id=job["id"], code=error.code, message=str(error))
    except (RuntimeError, ValueError, MemoryError) as error:
        if out_of_memory(error):
            code = "cuda-out-of-memory" if device == "cuda" else "out-of-memory"
            emit("refused", code=code, message=str(error))
            os._exit(1)
        emit("failed", id=job["id"], code="transcription-failed", message=f"failed: {error}")
    except BaseException:  # a thread would keep it to itself, and the caller would wait for ever
        traceback.print_exc()
        os._exit(1)


def main() -> None:
    incoming = requests()
    seconds = {"import": clock.lap()}
    config = next(incoming, None)
    if config is None:  # the caller has changed its mind
        return
    clock.lap()
    try:
        model, said = load(config, lambda device: emit("trying", device=device))
    except Refused as error:
        emit("refused", code=error.code, message=str(error))
        return
    emit("ready", **said, seconds={**seconds, "load": clock.lap()})
    with ThreadPoolExecutor(said["at_once"]) as files:
        for job in incoming:
            files.submit(attempt, model, config, job, said["device"])


if __name__ == "__main__":
    main()
