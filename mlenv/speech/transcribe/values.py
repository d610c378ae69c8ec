"""The kinds of values that options of `mlenv exec transcribe` take.

A kind turns the word of the command line into a value, or raises `WrongValue` with what would be
right. `words` are the values that a shell can offer, `span` says in words what is allowed.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mlenv.speech.transcribe.compat import OFF, language_code, languages

COMPUTE_TYPES = (
    "auto",
    "default",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
    "int16",
    "float16",
    "bfloat16",
    "float32",
)


class WrongValue(ValueError):
    """A word that an option does not take; the text says why, and what is near."""


class Kind(Protocol):
    """The kind of value that an option takes."""

    @property
    def words(self) -> Sequence[str]:
        """Values to offer; empty where there are too many."""

    @property
    def span(self) -> str:
        """The values that are taken, in words; empty for any text."""

    def __call__(self, word: str) -> object:
        """The value; raises `WrongValue`."""


@dataclass(frozen=True, slots=True)
class Text:
    """Any text. `offers`: what a shell completes, `files`, `folders` or `models`."""

    offers: str = ""
    words: Sequence[str] = ()
    span: str = ""

    def __call__(self, word: str) -> str:
        return word


@dataclass(frozen=True, slots=True)
class Switch:
    """True or False; the bare option is True."""

    words: Sequence[str] = ("True", "False")
    span: str = "True, False"

    def __call__(self, word: str) -> bool:
        if word.lower() in ("true", "yes", "1"):
            return True
        if word.lower() in ("false", "no", "0"):
            return False
        raise WrongValue(f"`{word}` is neither True nor False")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several words, in any case."""

    words: Sequence[str]

    @property
    def span(self) -> str:
        return ", ".join(self.words)

    def __call__(self, word: str) -> str:
        if word.lower() in self.words:
            return word.lower()
        raise WrongValue(f"`{word}` is none of {self.span}{near(word, self.words)}")


@dataclass(frozen=True, slots=True)
class Choices:
    """Several words with commas between them, in any case."""

    words: Sequence[str]

    @property
    def span(self) -> str:
        return f"{', '.join(self.words)}; several with commas"

    def __call__(self, word: str) -> tuple[str, ...]:
        chosen = tuple(each.strip().lower() for each in word.split(",") if each.strip())
        for each in chosen:
            if each not in self.words:
                others = f"{', '.join(self.words[:-1])} and {self.words[-1]}"
                hint = near(each, self.words)
                raise WrongValue(f"there is no `{each}`, only {others}{hint}")
        return chosen


@dataclass(frozen=True, slots=True)
class Number:
    """One number from `low` to `high`, `whole` or not, or also the word `off`."""

    low: float | None = None
    high: float | None = None
    whole: bool = False
    off: bool = False

    @property
    def words(self) -> Sequence[str]:
        return (OFF,) if self.off else ()

    @property
    def span(self) -> str:
        return f"{'a whole' if self.whole else 'one'} number{self._limits()}"

    def _limits(self) -> str:
        if self.high is not None:
            limits = f" from {self.low or 0:.10g} to {self.high:.10g}"
        elif self.whole and self.low == 1:
            limits = " above 0"
        else:
            limits = "" if self.low is None else f", {self.low:g} or above"
        return limits + (f" (or `{OFF}`)" if self.off else "")

    def __call__(self, word: str) -> float | str:
        if self.off and word.lower() == OFF:
            return OFF
        with contextlib.suppress(ValueError):
            value = int(word) if self.whole else float(word)
            is_low = self.low is not None and value < self.low
            is_high = self.high is not None and value > self.high
            if not math.isnan(value) and not is_low and not is_high and "_" not in word:
                return value
        raise WrongValue(f"`{word}` is not {self.span}")


@dataclass(frozen=True, slots=True)
class Times:
    """Starts and ends in growing seconds."""

    words: Sequence[str] = ()
    span: str = "START,END,.. in growing seconds"

    def __call__(self, word: str) -> str:
        try:
            times = [float(each) for each in word.split(",")]
        except ValueError:
            times = [-1.0]
        if times == sorted(times) and times[0] >= 0:
            return word
        raise WrongValue(f"`{word}` is not {self.span}")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Numbers of tokens, up to those of the largest Whisper model."""

    high: int
    words: Sequence[str] = ()

    @property
    def span(self) -> str:
        return f"-1 and the numbers below {self.high}, with commas between them"

    def __call__(self, word: str) -> list[int]:
        with contextlib.suppress(ValueError):
            tokens = [int(each) for each in word.split(",") if each]
            if all(-1 <= token < self.high for token in tokens):
                return tokens
        raise WrongValue(f"`{word}` is not {self.span}")


@dataclass(frozen=True, slots=True)
class Language:
    """A language of Whisper's by its code or English name; `auto` is None."""

    span: str = "auto, a code (en, de) or an English name (German)"

    @property
    def words(self) -> Sequence[str]:
        return ("auto", *languages())

    def __call__(self, word: str) -> str | None:
        if word.lower() == "auto":
            return None
        if (code := language_code(word)) is None:
            hint = self._near(word)
            raise WrongValue(f"Whisper knows no language `{word}`{hint or f': use {self.span}'}")
        return code

    def _near(self, word: str) -> str:
        """The language of `zh-TW`, `eng`, `englsh`."""
        from mlenv.speech.transcribe.languages import codes_of  # late: hardly ever asked for

        known = languages()
        for each in (word, word.replace("_", "-").partition("-")[0]):
            for code in codes_of(each):
                if code in known:
                    return f". Did you mean {code} ({known[code][0]})?"
        names = {name.lower(): code for code, names in known.items() for name in names}
        match = _nearest(word.lower(), names)
        return f". Did you mean {names[match]} ({match.title()})?" if match else ""


@dataclass(frozen=True, slots=True)
class Track:
    """An audio track by its number or language."""

    words: Sequence[str] = ()
    span: str = "the number of a track, or a language (en, eng, English)"

    def __call__(self, word: str) -> tuple[str, ...]:
        from mlenv.speech.transcribe.languages import codes_of  # late: hardly ever asked for

        codes = (word,) if word.isdecimal() and int(word) else codes_of(word)
        if not codes:
            raise WrongValue(
                f"`{word}` is neither the number of a track nor a language (en, eng, English)"
            )
        return codes


@dataclass(frozen=True, slots=True)
class Channels:
    """All channels mixed, each apart, or one by its number."""

    words: Sequence[str] = ("mix", "each")
    span: str = "mix, each, or the number of a channel"

    def __call__(self, word: str) -> str:
        if word.lower() in self.words or (word.isdecimal() and int(word)):
            return word.lower()
        raise WrongValue(f"`{word}` is neither mix, each nor the number of a channel")


class Part(NamedTuple):
    """One part of several; `number` from 1, `of` how many."""

    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Parts:
    """One part of several: `3/16`."""

    words: Sequence[str] = ()
    span: str = "K/N, part K of N, from 1/N to N/N"

    def __call__(self, word: str) -> Part:
        number, _, count = word.partition("/")
        if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
            return Part(int(number), int(count))
        raise WrongValue(f"`{word}` is not {self.span}")


def near(word: str, known: Sequence[str]) -> str:
    """`. Did you mean X?` for the nearest of `known`; empty where none is near."""
    match = _nearest(word.lower(), known)
    return f". Did you mean {match}?" if match else ""


def _nearest(word: str, known: Sequence[str] | dict[str, str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1)), "")
