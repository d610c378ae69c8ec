"""Consent: what a change costs or takes away is said before, and asked where it is much."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from mlenv.environment.install.changes import Changes

BIG = 10**9  # bytes that nobody shall spend or lose unasked

# Asks with these reasons; raises `MlenvError` unless the answer is yes.
Ask = Callable[[Sequence[str]], None]

_JOB = {
    "faster-whisper": "transcribes (`mlenv exec transcribe` and what imports faster_whisper)",
    "ctranslate2": "runs the Whisper models",
    "pyannote-audio": "tells the speakers apart (`--diarize`)",
}


def nobody(_reasons: Sequence[str]) -> None:
    """Consent of a caller who has asked already, or was told `--yes`."""


def losses(changes: Changes) -> tuple[str, ...]:
    """Sentences about what the environment can do no more after these changes."""
    gone = {text.partition("==")[0] for text in changes.removed}
    return tuple(f"{name} goes, which {job}" for name, job in _JOB.items() if name in gone)


def costs(download: int, files: int, disk: int) -> Iterator[str]:
    """Sentences about gigabytes to fetch, or to write."""
    if download >= BIG:
        yield f"{download / 1e9:.1f} GB are downloaded ({files} files)"
    elif disk >= BIG:
        yield f"{disk / 1e9:.1f} GB more are taken on disk"


def ask(reasons: Iterable[str], asking: Ask) -> None:
    """Ask if there are reasons to."""
    if listed := tuple(reasons):
        asking(listed)
