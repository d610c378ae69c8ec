"""Transcribe one file: from samples to segments, as events. Never imports torch."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .audio import Undecodable, as_float, channel_of, decode, hand_over
from .load_model import Loaded, Refusal, check_language, out_of_memory
from .mixing import RATE
from .parts import parts
from .pipe import Cancelled, Events
from .protocol import (
    Clock,
    FileFailed,
    FileRequest,
    SegmentFound,
    Transcribed,
    TranscriberConfig,
    libraries,
    reason,
)
from .recognition import Recognition
from .windows import Span


class AudioBudget:
    """Admit so many seconds of audio at once, or one longer file alone.

    Samples and spectrograms take 12 MB a minute.
    """

    def __init__(self, seconds: float) -> None:
        self._all = self._left = seconds
        self._changed = threading.Condition()

    @contextmanager
    def reserved(self, seconds: float) -> Iterator[None]:
        """Wait until there is room for `seconds` of audio, and hold it."""
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


budget = AudioBudget(60 * 60)


def as_event(segment: Any, file: int, begin: float = 0.0) -> SegmentFound:
    """The event for one of faster-whisper's segments. `begin`: of its part, in seconds."""
    return SegmentFound(
        file,
        {
            "start": round(begin + float(segment.start), 3),
            "end": round(begin + float(segment.end), 3),
            "text": segment.text.strip(),
            "words": [
                {
                    "word": word.word,
                    "start": round(begin + float(word.start), 3),
                    "end": round(begin + float(word.end), 3),
                    "probability": round(float(word.probability), 3),
                }
                for word in segment.words or ()
            ],
        },
    )


def transcribe(emit: Events, model: Any, config: TranscriberConfig, file: FileRequest) -> None:
    """Decode and transcribe one file, sending events; raises `Undecodable`."""
    clock = Clock()
    recording = decode(file.path, config.track, channel_of(config.channels))
    path = hand_over(recording.samples, file.handover) if file.handover else None
    emit(recording.event(file.id, path))
    seconds = {"decode": clock.lap(), "transcribe": 0.0}
    first_with_words = first_with_speech = None  # parts that tell the language
    silent, unheard = list[int](), list[Span]()
    apart = range(1, recording.channels + 1) if config.channels == "each" else (None,)
    for channel in apart:
        if channel and channel > 1:
            recording = decode(file.path, config.track, channel - 1)
            seconds["decode"] = round(seconds["decode"] + clock.lap(), 3)
        language: str | None = None  # of this channel, once a part with words in it has told
        for first, last, options in parts(recording.samples, config.options):
            begin = first / RATE
            with budget.reserved((last - first) / RATE):
                clock.lap()
                fixed = {"language": language} if language else {}
                part = replace(config, options=options | fixed)
                audio = as_float(recording.samples.part(first, last))
                recognition = Recognition(model, part, audio)
                for segment in recognition.segments():
                    first_with_words = first_with_words or recognition
                    language = recognition.language
                    emit(replace(as_event(segment, file.id, begin), channel=channel))
                if recognition.language:
                    first_with_speech = first_with_speech or recognition
                unheard.extend((begin + start, begin + end) for start, end in recognition.unheard)
                seconds["transcribe"] = round(seconds["transcribe"] + clock.lap(), 3)
        if channel and not language:
            silent.append(channel)
    decisive = first_with_words or first_with_speech
    emit(
        Transcribed(
            file.id,
            decisive.language if decisive else None,
            seconds,
            libraries(),
            silent,
            sorted(unheard),
            round(decisive.probability, 3) if decisive else None,
        )
    )


def attempt(emit: Events, loaded: Loaded, config: TranscriberConfig, file: FileRequest) -> None:
    """Transcribe one file; an error in it is reported and stops no other file."""
    try:
        if file.settings:
            config = replace(config, **file.settings)
            check_language(loaded.engine, config.options.get("language"))
        transcribe(emit, loaded.engine, config, file)
    except Cancelled:
        emit.end_cancelled(file.id)
    except Refusal as error:
        emit(FileFailed(file.id, error.code, f"can't be transcribed so: {error}"))
    except Undecodable as error:
        emit(FileFailed(file.id, error.code, str(error)))
    except BaseException as error:  # a thread would keep it to itself: mlenv would wait for ever
        traceback.print_exc()
        if out_of_memory(error):
            code = "cuda-out-of-memory" if loaded.device == "cuda" else "out-of-memory"
            emit(FileFailed(file.id, code, f"needs more memory than is free: {error}"))
        else:
            emit(FileFailed(file.id, "transcription-failed", f"failed: {reason(error)}"))
