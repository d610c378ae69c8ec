"""Undocumented attributes of faster-whisper and pyannote.audio that the workers use.

Another version may lack one. Whoever uses it asks `missing` first and takes the library's plain way
where something is missing; `note` is the line that says so.
"""

from __future__ import annotations

# What is used, by the part of the library that has it.
WHISPER_MODEL = ("feature_extractor", "feat_kwargs", "model")
TOKENIZER = ("hf_tokenizer", "supported_languages")
FEATURE_EXTRACTOR = ("hop_length", "n_fft", "mel_filters", "stft")
SPEAKER_DIARIZATION = ("get_embeddings",)
EMBEDDING = ("model_", "device")


def missing(thing: object, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `names` that `thing` does not have."""
    return tuple(name for name in names if not hasattr(thing, name))


def note(library: str, names: tuple[str, ...], consequence: str) -> str:
    """One line: this version of `library` lacks `names`, and what follows from that."""
    return f"this version of {library} has no {', '.join(names)}: {consequence}"
