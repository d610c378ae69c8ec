"""Types of the options of `mlenv exec transcribe`: from a word to a value, or why not."""

from __future__ import annotations

import argparse
import contextlib
import math
from collections.abc import Callable

from mlenv.speech.transcribe.compat import OFF, language_code


def truth(word: str) -> bool:
    if word.lower() in ("true", "yes", "1"):
        return True
    if word.lower() in ("false", "no", "0"):
        return False
    raise argparse.ArgumentTypeError(f"`{word}` is neither True nor False")


def count(word: str) -> int:
    if word.isdecimal() and int(word) > 0:
        return int(word)
    raise argparse.ArgumentTypeError(f"`{word}` is not a whole number above 0")


def whole(word: str) -> int:
    if word.isdecimal():
        return int(word)
    raise argparse.ArgumentTypeError(f"`{word}` is not a whole number, 0 or above")


def number(
    low: float | None = None, high: float | None = None, *, off: bool = False
) -> Callable[[str], float | str]:
    """The type of an option that takes one number from `low` to `high`, or also OFF."""
    limits = f" from {low:g} to {high:g}" if high is not None else ""
    limits = limits or ("" if low is None else f", {low:g} or above")
    limits += f" (or `{OFF}`)" if off else ""

    def convert(word: str) -> float | str:
        if off and word.lower() == OFF:
            return OFF
        with contextlib.suppress(ValueError):
            value = float(word)
            low_enough = high is None or value <= high
            if not math.isnan(value) and low_enough and (low is None or value >= low):
                return value
        raise argparse.ArgumentTypeError(f"`{word}` is not one number{limits}")

    return convert


def time(word: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (value := float(word)) < math.inf:
            return value
    raise argparse.ArgumentTypeError(f"`{word}` is no number of seconds above 0")


def window_seconds(word: str) -> int:
    if word.isdecimal() and 0 < int(word) <= 30:
        return int(word)
    raise argparse.ArgumentTypeError(f"`{word}` is no whole number from 1 to 30")


def times(word: str) -> str:
    try:
        places = [float(each) for each in word.split(",")]
    except ValueError:
        places = [-1.0]
    if places == sorted(places) and places[0] >= 0:
        return word
    raise argparse.ArgumentTypeError(f"`{word}` is not START,END,.. in growing seconds")


def language(word: str) -> str:
    if (code := language_code(word)) is None:
        raise argparse.ArgumentTypeError(
            f"Whisper knows no language `{word}`: use a code (en, de) or an English name (German)"
        )
    return code


def track(word: str) -> tuple[str, ...]:
    from mlenv.speech.transcribe.languages import codes_of  # late: hardly ever asked for

    codes = (word,) if word.isdecimal() and int(word) else codes_of(word)
    if not codes:
        raise argparse.ArgumentTypeError(
            f"`{word}` is neither the number of a track nor a language (en, eng, English)"
        )
    return codes


def channels(word: str) -> str:
    if word in ("mix", "each") or (word.isdecimal() and int(word)):
        return word
    raise argparse.ArgumentTypeError(f"`{word}` is neither mix, each nor the number of a channel")
