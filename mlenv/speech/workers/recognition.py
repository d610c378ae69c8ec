"""Recognise the words of one recording with faster-whisper, in windows that end in pauses.

Never imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline
from faster_whisper.vad import VadOptions, get_speech_timestamps

from .mixing import RATE
from .protocol import TranscriberConfig
from .windows import AGAIN, LONGEST, PAUSE, Span, beyond, pack, unheard, within

SILENCE_MS = 100  # a pause that a window may end in
FAINT = 0.2  # probability of speech that counts where it lasts; telephones rarely reach 0.5
PADDING_MS = 200  # of sound on both sides of speech


@dataclass
class Recognition:
    """The words of one recording, once `segments` is through.

    `language`: None where there is no speech to tell it from; `probability`: how sure it is, from
    0 to 1, and 1 for one that was given. `unheard`: places in seconds where there is speech and are
    no words.
    """

    model: Any
    config: TranscriberConfig
    audio: np.ndarray
    language: str | None = None
    probability: float = 1.0
    unheard: list[Span] = field(default_factory=list)

    def segments(self) -> Iterator[Any]:
        """faster-whisper's segments as they come; those of a second try come last."""
        options = dict(self.config.options)
        vad = options.pop("vad_parameters", None) or {}
        self.language = options.pop("language", None)
        if not self.model.model.is_multilingual:
            self.language = "en"
        if not options.get("vad_filter") or "clip_timestamps" in options:
            yield from self._plain(options)
            return
        del options["vad_filter"]
        pause = vad.get("min_silence_duration_ms", PAUSE * 1000) / 1000
        speech, faint = self._speech(vad, options.get("chunk_length", LONGEST))
        if not speech:
            return
        self.language = self.language or self._language_of(speech)
        options["language"] = self.language
        heard: list[Span] = []
        for tries, longest in enumerate((options.get("chunk_length", LONGEST), AGAIN)):
            windows = pack(speech, longest, pause, faint)
            for segment in self._in_windows(windows, options, first=not tries):
                heard.extend(_places(segment))
                yield segment
            self.unheard = unheard(speech, heard)
            if not self.unheard:
                return
            speech = within(speech, self.unheard)

    def _plain(self, options: dict[str, Any]) -> Iterator[Any]:
        """The whole recording, or the parts that were asked for, as faster-whisper does it."""
        segments, info = self.model.transcribe(self.audio, language=self.language, **options)
        self.language, self.probability = info.language, info.language_probability
        yield from segments

    def _speech(self, vad: dict[str, Any], window: float) -> tuple[list[Span], list[Span]]:
        """Speech by voice detection, and where that is in doubt for a second; all that may be any.

        A lower threshold alone would hide the pauses between sentences.
        """
        settings = {"speech_pad_ms": PADDING_MS, **vad, "min_silence_duration_ms": SILENCE_MS}
        if self.config.batch_size:  # which hears no more than one window of a stretch
            longest = settings.get("max_speech_duration_s", window)
            settings["max_speech_duration_s"] = min(window, longest)
        speech = self._spans(settings)
        if "threshold" in vad or "neg_threshold" in vad:
            return speech, []
        faint = self._spans({**settings, "threshold": FAINT})
        return sorted([*speech, *beyond(faint, speech)]), faint

    def _spans(self, settings: dict[str, Any]) -> list[Span]:
        spans = get_speech_timestamps(self.audio, VadOptions(**settings))
        return [(part["start"] / RATE, part["end"] / RATE) for part in spans]

    def _language_of(self, speech: Sequence[Span]) -> str:
        """The language of the first half minute of speech, without what lies between."""
        left, parts = int(LONGEST * RATE), []
        for start, end in speech:
            part = self.audio[int(start * RATE) : int(end * RATE)][:left]
            parts.append(part)
            left -= len(part)
            if left <= 0:
                break
        language, self.probability, _ = self.model.detect_language(audio=np.concatenate(parts))
        return str(language)

    def _in_windows(
        self, windows: Sequence[Span], options: dict[str, Any], *, first: bool
    ) -> Iterator[Any]:
        if self.config.batch_size:
            options = {k: v for k, v in options.items() if k != "condition_on_previous_text"}
            segments, _ = BatchedInferencePipeline(self.model).transcribe(
                self.audio,
                batch_size=self.config.batch_size,
                vad_filter=False,
                clip_timestamps=[{"start": start, "end": end} for start, end in windows],
                **options,
            )
            yield from segments
            return
        if first and options.get("prefix"):  # which faster-whisper puts at 0 seconds alone
            windows = [(0.0, windows[0][1]), *windows[1:]]
        elif not first:
            options = {k: v for k, v in options.items() if k not in ("prefix", "initial_prompt")}
        flat = [time for window in windows for time in window]
        segments, _ = self.model.transcribe(self.audio, clip_timestamps=flat, **options)
        yield from segments


def _places(segment: Any) -> list[Span]:
    """The places in time that a segment has words for."""
    if segment.words:
        return [(word.start, word.end) for word in segment.words]
    return [(segment.start, segment.end)] if segment.text.strip() else []
