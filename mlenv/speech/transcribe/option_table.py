"""The options of `mlenv exec transcribe` and `diarize`.

Parser, help, completion and the reference page are made from this table. Names are those of
Whisper's, whisper-ctranslate2's and whisperX's command lines where they have one, with hyphens.
"""

from __future__ import annotations

from mlenv.speech.transcribe import recognition_options
from mlenv.speech.transcribe.formats import FORMATS
from mlenv.speech.transcribe.option import (
    ABSENT,
    COUNT,
    FILES,
    FOLDERS,
    INPUT,
    MODEL,
    MODELS,
    OUTPUT,
    SERVICE,
    SPEAKERS,
    TEXT,
    WHOLE,
    Option,
    switch,
)
from mlenv.speech.transcribe.values import (
    COMPUTE_TYPES,
    Channels,
    Choice,
    Choices,
    Number,
    Parts,
    Text,
    Track,
)

STREAMED = "jsonl"
ALL = "all"  # what Whisper writes, and rttm with --diarize
FILE_NAME = "--file-name"  # insanely-fast-whisper's word before the recording

OPTIONS: tuple[Option, ...] = (
    Option(
        "--venv", FOLDERS, "DIR", "the environment (default: $MLENV_VENV, else ~/.venvs/ml)", INPUT
    ),
    Option("--files-from", FILES, "FILE", "read names from FILE (- is stdin), one a line", INPUT),
    Option("--part", Parts(), "K/N", "only part K of N, named as with all of them (all)", INPUT),
    Option("--track", Track(), "N|LANG", "audio track (the one marked as default)", INPUT),
    Option(
        "--channels",
        Channels(),
        "mix|each|N",
        "each: apart, with --diarize as speakers; N: only that one (mix)",
        INPUT,
        "mix",
    ),
    switch("--recursive", "look into the folders below", INPUT),
    switch("--stdin", "read audio from standard input, as `-` does", INPUT),
    Option(
        "--format",
        Choices((*FORMATS, STREAMED, ALL)),
        "F[,F]",
        f"{' '.join(FORMATS)} {STREAMED}, {ALL}",
        OUTPUT,
        also=("-f", "--output-format"),
        setting="formats",
        repeated=True,
    ),
    Option(
        "--output-dir", FOLDERS, "DIR", "write files (default: - , stdout)", OUTPUT, also=("-o",)
    ),
    switch("--resume", "skip what was done before, with these options", OUTPUT),
    switch("--json", "print one JSON document and nothing else", OUTPUT),
    switch("--progress", "show progress (on a terminal)", OUTPUT, None, "--print-progress"),
    switch("--quiet", "no progress and no notes", OUTPUT),
    Option(
        "--max-line-width",
        COUNT,
        "N",
        "cells a line (wide letters are two)",
        OUTPUT,
        none=ABSENT,
        by_word=True,
    ),
    Option("--max-line-count", COUNT, "N", "lines a caption", OUTPUT, none=ABSENT, by_word=True),
    Option(
        "--max-words-per-line", COUNT, "N", "words a caption", OUTPUT, none=ABSENT, by_word=True
    ),
    switch("--captions", "readable srt, vtt: 2 lines of 42 cells, 7 seconds", OUTPUT, by_word=True),
    switch("--pretty-json", "json over several lines (True)", OUTPUT, True, "-p"),
    switch("--verbose", "False is --quiet", OUTPUT, None),
    switch(
        "--highlight-words", "underline each word as it is spoken (srt, vtt)", OUTPUT, by_word=True
    ),
    Option(
        "--engine",
        Choice(("local", "ray")),
        "E",
        "local, or ray: on the nodes of a Ray cluster (local)",
        SERVICE,
        "local",
    ),
    Option("--address", TEXT, "HOST:PORT", "of the Ray cluster (the one that runs here)", SERVICE),
    switch("--serve", "read requests as JSON lines, answer with JSON lines", SERVICE),
    Option(
        "--idle-timeout",
        Number(0.001, 10_000_000),
        "SECONDS",
        "with --serve: leave when nothing was asked for so long (never)",
        SERVICE,
    ),
    Option(
        "--model",
        MODELS,
        "NAME",
        "name, folder or hub id (base)",
        MODEL,
        also=("--model-size-or-path", "--model-name"),
        setting="model",
    ),
    Option("--model-directory", FOLDERS, "DIR", "a folder, before --model", MODEL),
    Option(
        "--device",
        Choice(("auto", "cpu", "cuda")),
        "D",
        "auto, cpu, cuda (auto)",
        MODEL,
        "auto",
        setting="device",
    ),
    Option("--device-index", WHOLE, "N", "number of the GPU (0)", MODEL, 0),
    Option(
        "--compute-type",
        Choice(COMPUTE_TYPES),
        "TYPE",
        "int8, float16, .. (what is best)",
        MODEL,
        "auto",
    ),
    switch("--fp16", "True is --compute-type float16, False float32", MODEL, None),
    Option("--threads", WHOLE, "N", "CPU threads (as many as suit)", MODEL, 0, none=ABSENT),
    switch(
        "--offline",
        "never touch the network",
        MODEL,
        False,
        "--local-files-only",
        "--model-cache-only",
    ),
    switch("--batched", "several windows at once: faster, above all on a GPU", MODEL, None),
    Option(
        "--batch-size", COUNT, "N", "windows at once; implies --batched (8)", MODEL, none=ABSENT
    ),
    Option(
        "--chunk-size",
        Number(1, 30, whole=True),
        "S",
        "seconds of a window; implies --batched (30)",
        MODEL,
        library="chunk_length",
    ),
    switch("--diarize", "find out who speaks when", SPEAKERS, by_word=True),
    Option(
        "--diarize-model",
        Text("folders", ("auto", "open", "3.1", "community-1")),
        "NAME",
        "auto, open, 3.1, community-1, folder",
        SPEAKERS,
        "auto",
        also=("--diarization-model",),
    ),
    Option(
        "--num-speakers",
        COUNT,
        "N",
        "exact number of speakers",
        SPEAKERS,
        also=("--speaker-num",),
        of_speakers=True,
    ),
    Option("--min-speakers", COUNT, "N", "at least this many speakers", SPEAKERS, of_speakers=True),
    Option("--max-speakers", COUNT, "N", "at most this many speakers", SPEAKERS, of_speakers=True),
    Option(
        "--speaker-names",
        TEXT,
        "A,B",
        "in the order in which they speak",
        SPEAKERS,
        of_speakers=True,
    ),
    *recognition_options.OPTIONS,
)


def names() -> dict[str, Option]:
    """Each option by all its names."""
    return {name: option for option in OPTIONS for name in (option.name, *option.also)}
