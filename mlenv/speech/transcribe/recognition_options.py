"""Options of `mlenv exec transcribe` about recognition, which faster-whisper takes as they are."""

from __future__ import annotations

from mlenv.speech.transcribe.compat import OFF
from mlenv.speech.transcribe.option import (
    ABSENT,
    COUNT,
    FROM_ZERO,
    RECOGNITION,
    SHARE,
    TEXT,
    WHOLE,
    Option,
    switch,
)
from mlenv.speech.transcribe.values import Choice, Kind, Language, Number, Times, Tokens

SEEDS = 1 << 32  # numbers that CTranslate2 takes
VOCABULARY = 51_866  # tokens of the largest Whisper model


def _heard(
    name: str,
    kind: Kind,
    metavar: str,
    text: str,
    *also: str,
    none: str | None = None,
    library: str | None = None,
    vad: str = "",
    by_word: bool = False,
) -> Option:
    """An option that goes to faster-whisper as it is, under the same name unless `library`."""
    own = "" if vad else name.removeprefix("--").replace("-", "_")
    return Option(
        name,
        kind,
        metavar,
        text,
        RECOGNITION,
        None,
        also,
        none,
        own if library is None else library,
        vad,
        by_word,
    )


OPTIONS: tuple[Option, ...] = (
    Option(
        "--language",
        Language(),
        "LANG",
        "en, German, .. (found out by itself)",
        RECOGNITION,
        none="auto",
        library="language",
        setting="language",
    ),
    Option(
        "--task",
        Choice(("transcribe", "translate")),
        "TASK",
        "translate: into English",
        RECOGNITION,
        library="task",
    ),
    switch("--word-timestamps", "times for each word", RECOGNITION),
    switch(
        "--vad-filter",
        "leave out silence and noise (True)",
        RECOGNITION,
        True,
        library="vad_filter",
    ),
    Option(
        "--vad-method",
        Choice(("silero",)),
        "NAME",
        "voice activity detector (only silero)",
        RECOGNITION,
    ),
    _heard(
        "--vad-threshold",
        SHARE,
        "P",
        "probability of speech (0.5; 0.2 where it lasts a second)",
        "--vad-onset",
        vad="threshold",
    ),
    _heard(
        "--vad-neg-threshold",
        SHARE,
        "P",
        "probability below which speech ends (threshold - 0.15)",
        "--vad-offset",
        vad="neg_threshold",
    ),
    _heard(
        "--vad-min-speech-duration-ms",
        WHOLE,
        "MS",
        "shorter speech is dropped (0)",
        vad="min_speech_duration_ms",
    ),
    _heard(
        "--vad-max-speech-duration-s",
        FROM_ZERO,
        "S",
        "longer speech is split (no limit)",
        vad="max_speech_duration_s",
    ),
    _heard(
        "--vad-min-silence-duration-ms",
        WHOLE,
        "MS",
        "longer silence is left out (2000)",
        vad="min_silence_duration_ms",
    ),
    _heard(
        "--vad-speech-pad-ms",
        WHOLE,
        "MS",
        "padding on both sides of speech (200)",
        vad="speech_pad_ms",
    ),
    _heard("--beam-size", COUNT, "N", "beams at temperature 0 (5)", none="1"),
    _heard("--best-of", COUNT, "N", "candidates above temperature 0 (5)", none="1"),
    _heard("--patience", FROM_ZERO, "X", "beam search patience (1)"),
    _heard("--length-penalty", Number(), "X", "exponent of the length in a beam's score (1)"),
    _heard("--repetition-penalty", FROM_ZERO, "X", "above 1: repeated tokens cost more (1)"),
    _heard("--no-repeat-ngram-size", WHOLE, "N", "n-grams of this size come once (0: off)"),
    _heard("--temperature", SHARE, "T", "where decoding begins, from 0 to 1 (0)", library=""),
    _heard(
        "--compression-ratio-threshold",
        Number(off=True),
        "X",
        "more counts as repetition (2.4)",
        none=OFF,
    ),
    _heard(
        "--logprob-threshold",
        Number(off=True),
        "X",
        "a lower average counts as failed (-1)",
        "--log-prob-threshold",
        none=OFF,
        library="log_prob_threshold",
    ),
    _heard(
        "--no-speech-threshold",
        Number(0, 1, off=True),
        "P",
        "a higher probability counts as silence (0.6)",
        none=OFF,
    ),
    _heard(
        "--hallucination-silence-threshold",
        FROM_ZERO,
        "S",
        "skip longer silence at doubtful text",
        none=ABSENT,
        by_word=True,
    ),
    _heard("--prompt-reset-on-temperature", SHARE, "T", "forget the text before, above this (0.5)"),
    _heard(
        "--temperature-increment-on-fallback",
        FROM_ZERO,
        "T",
        "step after a failed decoding (0.2)",
        none="0",
        library="",
    ),
    _heard(
        "--seed",
        Number(0, SEEDS - 1, whole=True),
        "N",
        "draw words at random above temperature 0, from this seed (never)",
        library="",
    ),
    _heard(
        "--clip-timestamps", Times(), "S,S,..", "start and end of the parts to transcribe (all)"
    ),
    _heard("--initial-prompt", TEXT, "TEXT", "text that the first window is shown"),
    _heard("--prefix", TEXT, "TEXT", "beginning of the first window's text"),
    _heard("--hotwords", TEXT, "TEXT", "words to expect"),
    _heard(
        "--suppress-tokens",
        Tokens(VOCABULARY),
        "N,N,..",
        "tokens that never come (-1: the model's list)",
    ),
    _heard(
        "--prepend-punctuations", TEXT, "SIGNS", "signs that belong to the next word", by_word=True
    ),
    _heard(
        "--append-punctuations",
        TEXT,
        "SIGNS",
        "signs that belong to the word before",
        by_word=True,
    ),
    switch(
        "--condition-on-previous-text",
        "show each window the text before it (False)",
        RECOGNITION,
        library="condition_on_previous_text",
    ),
    switch(
        "--suppress-blank",
        "no blank at the beginning of a window (True)",
        RECOGNITION,
        None,
        library="suppress_blank",
    ),
    switch(
        "--multilingual",
        "find out the language of each window (False)",
        RECOGNITION,
        None,
        library="multilingual",
    ),
)
