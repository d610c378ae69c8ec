"""The command line of `mlenv exec transcribe`, and its help."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable
from typing import NoReturn

from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe import option_types as types
from mlenv.speech.transcribe.formats import FORMATS

EXAMPLES = """\
examples:
  mlenv exec transcribe talk.m4a
  mlenv exec transcribe --diarize --format srt,json --output-dir out meeting.mp4
  mlenv exec transcribe --recursive --resume --output-dir out recordings/
  ffmpeg -i rtsp://camera -f wav - | mlenv exec transcribe --format jsonl -

`--model` is `base` where you name none: it knows 99 languages, is fast without a GPU and its
142 MB come from the hub or the package index. `tiny.en` is half of it and English only. Names of
the hub (large-v3, owner/name) and folders work too; `mlenv models` lists what is here.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        kind, _, words = message.partition(": ")
        if kind == "unrecognized arguments":
            raise usage(self._unknown(words.split()[0]))
        raise usage(message[:1].upper() + message[1:] + ".")

    def _unknown(self, option: str) -> str:
        name = option.partition("=")[0]
        near = difflib.get_close_matches(name, self._option_string_actions, n=1)
        return f"There is no option {name}." + (f" Did you mean {near[0]}?" if near else "")


def usage(message: str) -> MlenvError:
    return MlenvError(
        "usage", message, "Try `mlenv exec transcribe --help`.", exit_code=WRONG_USAGE
    )


_SHARE, _FROM_ZERO = types.number(0, 1), types.number(0)

# Options that go to faster-whisper as they are: name, type, metavar, and a word with the default.
_RECOGNITION: tuple[tuple[str, Callable[[str], object], str, str], ...] = (
    ("--vad-threshold", _SHARE, "P", "probability above which a frame is speech (0.5)"),
    ("--vad-neg-threshold", _SHARE, "P", "probability below which speech ends (threshold - 0.15)"),
    ("--vad-min-speech-duration-ms", types.whole, "MS", "shorter speech is dropped (0)"),
    ("--vad-max-speech-duration-s", _FROM_ZERO, "S", "longer speech is split (no limit)"),
    ("--vad-min-silence-duration-ms", types.whole, "MS", "longer silence is left out (2000)"),
    ("--vad-speech-pad-ms", types.whole, "MS", "padding on both sides of speech (200)"),
    ("--beam-size", types.count, "N", "beams at temperature 0 (5)"),
    ("--best-of", types.count, "N", "candidates above temperature 0 (5)"),
    ("--patience", _FROM_ZERO, "X", "beam search patience (1)"),
    ("--length-penalty", types.number(), "X", "exponent of the length in a beam's score (1)"),
    ("--repetition-penalty", _FROM_ZERO, "X", "above 1: repeated tokens cost more (1)"),
    ("--no-repeat-ngram-size", types.whole, "N", "n-grams of this size come once (0: off)"),
    ("--temperature", _SHARE, "T", "where decoding begins, from 0 to 1 (0)"),
    (
        "--compression-ratio-threshold",
        types.number(off=True),
        "X",
        "more counts as repetition (2.4)",
    ),
    ("--logprob-threshold", types.number(off=True), "X", "a lower average counts as failed (-1)"),
    (
        "--no-speech-threshold",
        types.number(0, 1, off=True),
        "P",
        "a higher probability counts as silence (0.6)",
    ),
    (
        "--hallucination-silence-threshold",
        _FROM_ZERO,
        "S",
        "skip longer silence at doubtful text",
    ),
    ("--prompt-reset-on-temperature", _SHARE, "T", "forget the text before, above this (0.5)"),
    (
        "--temperature-increment-on-fallback",
        _FROM_ZERO,
        "T",
        "step after a failed decoding (0.2)",
    ),
    (
        "--seed",
        types.whole,
        "N",
        "draw words at random above temperature 0, from this seed (never)",
    ),
    ("--clip-timestamps", types.times, "S,S,..", "start and end of the parts to transcribe (all)"),
    ("--initial-prompt", str, "TEXT", "text that the first window is shown"),
    ("--prefix", str, "TEXT", "beginning of the first window's text"),
    ("--hotwords", str, "TEXT", "words to expect"),
    ("--suppress-tokens", str, "N,N,..", "tokens that never come (-1: the model's list)"),
    ("--prepend-punctuations", str, "SIGNS", "signs that belong to the next word"),
    ("--append-punctuations", str, "SIGNS", "signs that belong to the word before"),
)


def _switch(group: argparse._ArgumentGroup, name: str, text: str, default: bool | None) -> None:
    """Add an option that is on, or True or False."""
    group.add_argument(
        name, nargs="?", type=types.truth, const=True, default=default, metavar="BOOL", help=text
    )


def build(command: str) -> argparse.ArgumentParser:
    """The parser of `transcribe` or `diarize`; wrong usage raises `MlenvError`."""
    parser = _Parser(
        prog=f"mlenv exec {command}",
        usage="%(prog)s [OPTION].. AUDIO..",
        description="Turn speech into text, with --diarize also into who said what.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )

    add = parser.add_argument
    add("audio", nargs="*", metavar="AUDIO", help="a file, a folder, a pattern, or - for stdin")
    add("--venv", metavar="DIR", help="the environment (default: $MLENV_VENV, else ~/.venvs/ml)")

    add(
        "--track",
        type=types.track,
        metavar="N|LANG",
        help="audio track (the one marked as default)",
    )
    add(
        "--channels",
        type=types.channels,
        default="mix",
        metavar="mix|each|N",
        help="each: apart, with --diarize as speakers; N: only that one (mix)",
    )

    group = parser.add_argument_group("output")
    group.add_argument(
        "--format",
        action="append",
        metavar="F[,F]",
        help=f"{' '.join(FORMATS)} jsonl, all",
    )
    group.add_argument(
        "--output-dir", "-o", metavar="DIR", help="write files (default: - , stdout)"
    )
    _switch(group, "--resume", "skip what was done before, with these options", False)
    _switch(group, "--recursive", "look into the folders below", False)
    _switch(group, "--stdin", "read audio from standard input, as `-` does", False)
    _switch(group, "--json", "print one JSON document and nothing else", False)
    _switch(group, "--progress", "show progress (default: on a terminal)", None)
    _switch(group, "--quiet", "no progress and no notes", False)
    for what, text in (
        ("line-width", "cells a line (wide letters are two)"),
        ("line-count", "lines a caption"),
        ("words-per-line", "words a caption"),
    ):
        group.add_argument(f"--max-{what}", type=types.count, metavar="N", help=text)
    _switch(group, "--captions", "readable srt, vtt: 2 lines of 42 cells, 7 seconds", False)
    _switch(group, "--pretty-json", "json over several lines (True)", True)
    _switch(group, "--verbose", "False is --quiet", None)
    _switch(group, "--highlight-words", "underline each word as it is spoken (srt, vtt)", False)

    group = parser.add_argument_group("many recordings, one by one")
    _switch(group, "--serve", "read requests as JSON lines, answer with JSON lines", False)
    group.add_argument(
        "--idle-timeout",
        type=types.time,
        metavar="SECONDS",
        help="with --serve: leave when nothing was asked for so long (never)",
    )

    group = parser.add_argument_group("model and device")
    group.add_argument("--model", metavar="NAME", help="name, folder or hub id (base)")
    group.add_argument("--model-directory", metavar="DIR", help="a folder, before --model")
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(%(default)s)"
    )
    group.add_argument(
        "--device-index", type=types.whole, default=0, metavar="N", help="number of the GPU (0)"
    )
    group.add_argument(
        "--compute-type", default="auto", metavar="TYPE", help="int8, float16, ... (what is best)"
    )
    _switch(group, "--fp16", "True is --compute-type float16, False float32", None)
    group.add_argument(
        "--threads", type=types.whole, default=0, metavar="N", help="CPU threads (as many as suit)"
    )
    _switch(group, "--offline", "never touch the network", False)
    _switch(group, "--batched", "several windows at once: faster, above all on a GPU", None)
    group.add_argument(
        "--batch-size", type=types.count, metavar="N", help="windows at once; implies --batched (8)"
    )
    group.add_argument(
        "--chunk-size",
        type=types.window_seconds,
        metavar="S",
        help="seconds of a window; implies --batched (30)",
    )

    group = parser.add_argument_group("speakers")
    _switch(group, "--diarize", "find out who speaks when", False)
    group.add_argument(
        "--diarize-model",
        metavar="NAME",
        default="auto",
        help="auto, open, 3.1, community-1, folder",
    )
    group.add_argument(
        "--num-speakers", type=types.count, metavar="N", help="exact number of speakers"
    )
    for bound, text in (("min", "at least"), ("max", "at most")):
        name = f"--{bound}-speakers"
        group.add_argument(name, type=types.count, metavar="N", help=f"{text} this many speakers")
    group.add_argument("--speaker-names", metavar="A,B", help="in the order in which they speak")

    _add_recognition(parser)
    return parser


def _add_recognition(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recognition (as in faster-whisper)")
    group.add_argument(
        "--language",
        type=types.language,
        metavar="LANG",
        help="en, German, .. (found out by itself)",
    )
    group.add_argument("--task", choices=("transcribe", "translate"))
    _switch(group, "--word-timestamps", "times for each word", False)
    _switch(group, "--vad-filter", "leave out silence and noise (True)", True)
    group.add_argument(
        "--vad-method", choices=("silero",), help="voice activity detector (only silero)"
    )
    for name, kind, metavar, text in _RECOGNITION:
        group.add_argument(name, type=kind, metavar=metavar, help=text)
    for name, text, default in (
        ("--condition-on-previous-text", "show each window the text before it (False)", False),
        ("--suppress-blank", "no blank at the beginning of a window (True)", None),
        ("--multilingual", "find out the language of each window (False)", None),
    ):
        _switch(group, name, text, default)
