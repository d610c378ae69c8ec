"""One file: from samples to segments, as events.

Runs inside the environment; imports nothing of mlenv and never torch.
"""

import os
import threading
import traceback
from contextlib import contextmanager

import numpy as np
from audio import RATE, Undecodable, as_float, decode, hand_over
from faster_whisper import BatchedInferencePipeline
from faster_whisper.vad import VadOptions
from load_model import out_of_memory
from protocol import Clock, Events, libraries


class Turns:
    """Lets in so many seconds of audio at once, or one longer file alone: samples and spectra take
    12 MB a minute."""

    def __init__(self, seconds: float) -> None:
        self._all = self._left = seconds
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, seconds: float):
        share = min(seconds, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= share)
            self._left -= share
        try:
            yield
        finally:
            with self._changed:
                self._left += share
                self._changed.notify_all()


turns = Turns(60 * 60)


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


def transcribe(emit: Events, model, config: dict, job: dict) -> None:
    took = Clock()
    samples, truncated = decode(job["path"])
    duration = round(len(samples) / RATE, 3)
    path = hand_over(samples, config["handover"]) if config["handover"] else None
    emit("decoded", id=job["id"], duration=duration, truncated=truncated, path=path)
    seconds = {"decode": took.lap()}
    language = None
    with turns.taken(duration):
        took.lap()
        if len(samples):
            found, info = segments_of(model, as_float(samples), config)
            language = info.language
            for segment in found:
                emit("segment", **as_event(segment, job["id"]))
        seconds["transcribe"] = took.lap()
    emit("done", id=job["id"], language=language, seconds=seconds, libraries=libraries())


def attempt(emit: Events, model, config: dict, device: str, job: dict) -> None:
    """Transcribe one file; what is wrong with it is said and hinders no other."""
    try:
        transcribe(emit, model, config, job)
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
