"""The command line of `mlenv exec transcribe`, and its help."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import math
from collections.abc import Callable
from typing import NoReturn

from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe.compat import OFF, language_code
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


def _truth(word: str) -> bool:
    if word.lower() in ("true", "yes", "1"):
        return True
    if word.lower() in ("false", "no", "0"):
        return False
    raise argparse.ArgumentTypeError(f"`{word}` is neither True nor False")


def _count(word: str) -> int:
    if word.isdecimal() and int(word) > 0:
        return int(word)
    raise argparse.ArgumentTypeError(f"`{word}` is not a whole number above 0")


def _whole(word: str) -> int:
    if word.isdecimal():
        return int(word)
    raise argparse.ArgumentTypeError(f"`{word}` is not a whole number, 0 or above")


def _number(
    low: float | None = None, high: float | None = None, *, off: bool = False
) -> Callable[[str], float | str]:
    """The type of an option that takes one number from `low` to `high`, or also OFF."""
    limits = f" from {low:g} to {high:g}" if high is not None else ""
    limits = limits or ("" if low is None else f", {low:g} or above")
    limits += f" (or `{OFF}`)" if off else ""

    def number(word: str) -> float | str:
        if off and word.lower() == OFF:
            return OFF
        with contextlib.suppress(ValueError):
            value = float(word)
            low_enough = high is None or value <= high
            if not math.isnan(value) and low_enough and (low is None or value >= low):
                return value
        raise argparse.ArgumentTypeError(f"`{word}` is not one number{limits}")

    return number


def _seconds(word: str) -> int:
    if word.isdecimal() and 0 < int(word) <= 30:
        return int(word)
    raise argparse.ArgumentTypeError(f"`{word}` is no whole number from 1 to 30")


def _times(word: str) -> str:
    try:
        times = [float(each) for each in word.split(",")]
    except ValueError:
        times = [-1.0]
    if times == sorted(times) and times[0] >= 0:
        return word
    raise argparse.ArgumentTypeError(f"`{word}` is not START,END,.. in growing seconds")


def _language(word: str) -> str:
    if (code := language_code(word)) is None:
        raise argparse.ArgumentTypeError(
            f"Whisper knows no language `{word}`: use a code (en, de) or an English name (German)"
        )
    return code


def _track(word: str) -> tuple[str, ...]:
    from mlenv.speech.transcribe.languages import codes_of  # late: hardly ever asked for

    codes = (word,) if word.isdecimal() and int(word) else codes_of(word)
    if not codes:
        raise argparse.ArgumentTypeError(
            f"`{word}` is neither the number of a track nor a language (en, eng, English)"
        )
    return codes


def _channels(word: str) -> str:
    if word in ("mix", "each") or (word.isdecimal() and int(word)):
        return word
    raise argparse.ArgumentTypeError(f"`{word}` is neither mix, each nor the number of a channel")


def usage(message: str) -> MlenvError:
    return MlenvError(
        "usage", message, "Try `mlenv exec transcribe --help`.", exit_code=WRONG_USAGE
    )


_SHARE, _FROM_ZERO = _number(0, 1), _number(0)

# Options that go to faster-whisper as they are: name, type, metavar, and a word with the default.
_RECOGNITION: tuple[tuple[str, Callable[[str], object], str, str], ...] = (
    ("--vad-threshold", _SHARE, "P", "probability above which a frame is speech (0.5)"),
    ("--vad-neg-threshold", _SHARE, "P", "probability below which speech ends (threshold - 0.15)"),
    ("--vad-min-speech-duration-ms", _whole, "MS", "shorter speech is dropped (0)"),
    ("--vad-max-speech-duration-s", _FROM_ZERO, "S", "longer speech is split (no limit)"),
    ("--vad-min-silence-duration-ms", _whole, "MS", "longer silence is left out (2000)"),
    ("--vad-speech-pad-ms", _whole, "MS", "padding on both sides of speech (200)"),
    ("--beam-size", _count, "N", "beams at temperature 0 (5)"),
    ("--best-of", _count, "N", "candidates above temperature 0 (5)"),
    ("--patience", _FROM_ZERO, "X", "beam search patience (1)"),
    ("--length-penalty", _number(), "X", "exponent of the length in a beam's score (1)"),
    ("--repetition-penalty", _FROM_ZERO, "X", "above 1: repeated tokens cost more (1)"),
    ("--no-repeat-ngram-size", _whole, "N", "n-grams of this size come once (0: off)"),
    ("--temperature", _SHARE, "T", "where decoding begins, from 0 to 1 (0)"),
    ("--compression-ratio-threshold", _number(off=True), "X", "more counts as repetition (2.4)"),
    ("--logprob-threshold", _number(off=True), "X", "a lower average counts as failed (-1)"),
    (
        "--no-speech-threshold",
        _number(0, 1, off=True),
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
    ("--seed", _whole, "N", "draw words at random above temperature 0, from this seed (never)"),
    ("--clip-timestamps", _times, "S,S,..", "start and end of the parts to transcribe (all)"),
    ("--initial-prompt", str, "TEXT", "text that the first window is shown"),
    ("--prefix", str, "TEXT", "beginning of the first window's text"),
    ("--hotwords", str, "TEXT", "words to expect"),
    ("--suppress-tokens", str, "N,N,..", "tokens that never come (-1: the model's list)"),
    ("--prepend-punctuations", str, "SIGNS", "signs that belong to the next word"),
    ("--append-punctuations", str, "SIGNS", "signs that belong to the word before"),
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

    def switch(group: argparse._ArgumentGroup, name: str, text: str, default: bool | None) -> None:
        group.add_argument(
            name, nargs="?", type=_truth, const=True, default=default, metavar="BOOL", help=text
        )

    add = parser.add_argument
    add("audio", nargs="*", metavar="AUDIO", help="a file, a folder, a pattern, or - for stdin")
    add("--venv", metavar="DIR", help="the environment (default: $MLENV_VENV, else ~/.venvs/ml)")

    add("--track", type=_track, metavar="N|LANG", help="audio track (the one marked as default)")
    add(
        "--channels",
        type=_channels,
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
    switch(group, "--resume", "skip what was done before, with these options", False)
    switch(group, "--recursive", "look into the folders below", False)
    switch(group, "--stdin", "read audio from standard input, as `-` does", False)
    switch(group, "--json", "print one JSON document and nothing else", False)
    switch(group, "--progress", "show progress (default: on a terminal)", None)
    switch(group, "--quiet", "no progress and no notes", False)
    for what, text in (
        ("line-width", "cells a line (wide letters are two)"),
        ("line-count", "lines a caption"),
        ("words-per-line", "words a caption"),
    ):
        group.add_argument(f"--max-{what}", type=_count, metavar="N", help=text)
    switch(group, "--captions", "readable srt, vtt: 2 lines of 42 cells, 7 seconds", False)
    switch(group, "--pretty-json", "json over several lines (True)", True)
    switch(group, "--verbose", "False is --quiet", None)
    switch(group, "--highlight-words", "underline each word as it is spoken (srt, vtt)", False)

    group = parser.add_argument_group("model and device")
    group.add_argument("--model", metavar="NAME", help="name, folder or hub id (base)")
    group.add_argument("--model-directory", metavar="DIR", help="a folder, before --model")
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(%(default)s)"
    )
    group.add_argument(
        "--device-index", type=_whole, default=0, metavar="N", help="number of the GPU (0)"
    )
    group.add_argument(
        "--compute-type", default="auto", metavar="TYPE", help="int8, float16, ... (what is best)"
    )
    switch(group, "--fp16", "True is --compute-type float16, False float32", None)
    group.add_argument(
        "--threads", type=_whole, default=0, metavar="N", help="CPU threads (as many as suit)"
    )
    switch(group, "--offline", "never touch the network", False)
    switch(group, "--batched", "several windows at once: faster, above all on a GPU", None)
    group.add_argument(
        "--batch-size", type=_count, metavar="N", help="windows at once; implies --batched (8)"
    )
    group.add_argument(
        "--chunk-size",
        type=_seconds,
        metavar="S",
        help="seconds of a window; implies --batched (30)",
    )

    group = parser.add_argument_group("speakers")
    switch(group, "--diarize", "find out who speaks when", False)
    group.add_argument(
        "--diarize-model",
        metavar="NAME",
        default="auto",
        help="auto, open, 3.1, community-1, folder",
    )
    group.add_argument("--num-speakers", type=_count, metavar="N", help="exact number of speakers")
    for bound, text in (("min", "at least"), ("max", "at most")):
        name = f"--{bound}-speakers"
        group.add_argument(name, type=_count, metavar="N", help=f"{text} this many speakers")
    group.add_argument("--speaker-names", metavar="A,B", help="in the order in which they speak")

    group = parser.add_argument_group("recognition (as in faster-whisper)")
    group.add_argument(
        "--language", type=_language, metavar="LANG", help="en, German, .. (found out by itself)"
    )
    group.add_argument("--task", choices=("transcribe", "translate"))
    switch(group, "--word-timestamps", "times for each word", False)
    switch(group, "--vad-filter", "leave out silence and noise (True)", True)
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
        switch(group, name, text, default)
    return parser
