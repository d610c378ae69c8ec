"""The command line of `mlenv exec transcribe`.

Names are those of Whisper's, whisper-ctranslate2's and whisperX's command lines where they have
one, with hyphens or underscores. argparse and not click: this is on the path of every recording.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from mlenv.machine.settings import Settings
from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe import modes, option_table
from mlenv.speech.transcribe.compat import ANYWAY, OFF, REFUSED, SECRET
from mlenv.speech.transcribe.formats import OF_WHISPER
from mlenv.speech.transcribe.option import ABSENT, Option
from mlenv.speech.transcribe.option_table import ALL, FILE_NAME, OPTIONS, STREAMED
from mlenv.speech.transcribe.parser import build as parser_of
from mlenv.speech.transcribe.parser import unknown_option, usage
from mlenv.speech.transcribe.transcript import one_line
from mlenv.speech.transcribe.values import WrongValue
from mlenv.speech.workers.fallback import TEMPERATURES

PIPELINES = "pyannote/speaker-diarization-"
WHISPERS = "openai/whisper-"  # the same models as Whisper's own names, for another library
NUMBERED = r"(SPEAKER|CHANNEL)_\d+"  # names that mlenv gives itself


def parse(
    words: Sequence[str], *, diarize_only: bool = False, settings: Settings | None = None
) -> argparse.Namespace:
    """The options of one call; raises `MlenvError` (exit code 2) for wrong usage.

    `settings`: the user's own defaults.
    """
    command = "diarize" if diarize_only else "transcribe"
    parser = parser_of(command)
    own = _defaults(settings) if settings else {}
    formats = own.pop("format", None)
    parser.set_defaults(**own)
    before, after = _split(words)
    plain = _normalised(before)
    options = parser.parse_intermixed_args(plain)
    if formats and not options.format and not diarize_only and not options.serve:
        to_files = options.json or options.output_dir not in (None, "-")
        options.format = [formats if to_files else formats[:1]]
    options.audio = [*options.audio, *after]
    options.only_speakers = diarize_only
    options.diarize = options.diarize or diarize_only
    _complete(options)
    if options.serve or options.engine == "ray":
        options.words = [*_words(settings), *plain]
    return options


def decoding(options: argparse.Namespace) -> dict[str, object]:
    """Arguments for faster-whisper: requested ones and our defaults; its own hold for the rest."""
    asked = [
        (option, value)
        for option in OPTIONS
        if (value := getattr(options, option.attribute)) is not None
    ]
    chosen = {
        option.library: None if value == OFF else value for option, value in asked if option.library
    }
    vad = {option.vad: value for option, value in asked if option.vad}
    if vad:
        chosen["vad_parameters"] = vad
    chosen["word_timestamps"] = options.word_timestamps
    first, step = options.temperature, options.temperature_increment_on_fallback
    if first is not None or step is not None:
        chosen["temperature"] = _temperatures(first or 0.0, 0.2 if step is None else step)
    if options.seed is None and step != 0:
        chosen["temperature"] = TEMPERATURES
    return chosen


def _temperatures(first: float, step: float) -> list[float]:
    if step <= 0:
        return [first]
    return [round(first + step * n, 3) for n in range(int((1.0 - first) / step + 1.001))]


def _complete(options: argparse.Namespace) -> None:
    modes.check(options)
    _complete_output(options)
    _complete_windows(options)
    _complete_speakers(options)
    model = options.model.removeprefix(WHISPERS) if options.model else None
    options.model = options.model_directory or model
    options.quiet = options.quiet or options.verbose is False
    if options.fp16 is not None and options.compute_type == "auto":
        options.compute_type = "float16" if options.fp16 else "float32"
    by_word = [option.attribute for option in OPTIONS if option.by_word]
    if any(getattr(options, name) for name in (*by_word, "channels_speak")):
        options.word_timestamps = True
    if options.seed is None and options.temperature:
        options.seed = 0  # above temperature 0 from the beginning, words are drawn at random


def _complete_output(options: argparse.Namespace) -> None:
    kinds = [kind for several in options.format or () for kind in several]
    if ALL in kinds:
        kinds = [*OF_WHISPER, *(["rttm"] if options.diarize else [])]
    default = ["rttm"] if options.only_speakers else ["txt"]
    options.formats = tuple(dict.fromkeys(kinds)) or tuple(default)
    if options.stdin:
        options.audio = [*options.audio, "-"]
    if not options.audio and not options.files_from and not options.serve:
        raise usage("Name at least one audio file, folder or pattern, or `-` for standard input.")
    if options.output_dir == "-":
        options.output_dir = None
    if len(options.formats) > 1 and not options.output_dir and not options.json:
        raise usage("Several formats need --output-dir DIR; standard output takes one.")
    if STREAMED in options.formats and (options.output_dir or options.json):
        raise usage("jsonl goes to standard output, alone: leave out --output-dir and --json.")
    if options.resume and not options.output_dir:
        raise usage("--resume needs --output-dir DIR, to see what is done there.")
    if options.max_line_count and not (options.max_line_width or options.captions):
        raise usage("--max-line-count needs --max-line-width: without it no line is full.")


def _complete_windows(options: argparse.Namespace) -> None:
    """Set the options of batched decoding; raises for options that exclude it."""
    sized = options.batch_size or options.chunk_size
    if options.batched is None:
        options.batched = bool(sized)
    if sized and not options.batched:
        raise usage("--batch-size and --chunk-size are for --batched.")
    if options.batched and not options.vad_filter:
        raise usage("--batched cuts at pauses: leave out --vad-filter False.")
    if options.batched and options.clip_timestamps:
        raise usage("--batched finds its own windows: leave out --clip-timestamps.")


def _complete_speakers(options: argparse.Namespace) -> None:
    if "rttm" in options.formats and not options.diarize:
        raise usage("rttm says who speaks when: add --diarize.")
    for option in OPTIONS:
        if option.of_speakers and getattr(options, option.attribute) and not options.diarize:
            raise usage(f"{option.name} is about who speaks when: add --diarize.")
    if options.num_speakers and (options.min_speakers or options.max_speakers):
        raise usage("--num-speakers is exact; leave out --min-speakers and --max-speakers.")
    if (options.min_speakers or 1) > (options.max_speakers or 10_000):
        raise usage("--min-speakers is more than --max-speakers.")
    _complete_channels(options)
    options.diarize_model = options.diarize_model.removeprefix(PIPELINES)
    names = [one_line(name) for name in (options.speaker_names or "").split(",")]
    options.speaker_names = [name for name in names if name]
    if len(set(options.speaker_names)) < len(options.speaker_names):
        raise usage("--speaker-names has a name twice: two speakers would become one.")
    for name in options.speaker_names:
        if re.fullmatch(NUMBERED, name):
            raise usage(f"--speaker-names: {name} is what a speaker without a name is called.")


def _complete_channels(options: argparse.Namespace) -> None:
    """With `--channels each` the channels are the speakers, and none are looked for."""
    options.channels_speak = options.diarize and options.channels == "each"
    if not options.channels_speak:
        return
    if options.only_speakers:
        raise usage("--channels each is for words: use `mlenv exec transcribe --diarize`.")
    for name in ("num_speakers", "min_speakers", "max_speakers"):
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise usage(f"With --channels each the channels are the speakers: leave out {option}.")
    options.diarize = False


def _split(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Words before `--`, and the files after it."""
    if "--" not in words:
        return words, ()
    at = list(words).index("--")
    return words[:at], words[at + 1 :]


def _as_file(word: str, known: Collection[str]) -> str | None:
    """A word that is no option; the shell may bring a file whose name begins as one."""
    if not word.startswith("-") or word == "-":
        return word
    name = word.partition("=")[0].replace("_", "-")
    spellings = (*known, FILE_NAME, *SECRET, *ANYWAY, *REFUSED, "-h", "--help")
    if name in spellings:
        return None
    if Path(word).is_file():
        return f"./{word}"
    raise usage(unknown_option(word))


def _normalised(words: Sequence[str]) -> list[str]:
    """Options under their own names, as `--name=value`; their names in other tools replaced.

    A switch takes the next word only where it is True or False; anything else takes it whatever
    it looks like (`--suppress-tokens -1,5`).
    """
    known = option_table.names()
    result: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if (file := _as_file(word, known)) is not None:
            result.append(file)
            continue
        name, equals, value = word.partition("=")
        name = name.replace("_", "-") if name.startswith("--") else name
        if name == FILE_NAME:
            result += [value] if equals else rest[:1]
            rest = rest if equals else rest[1:]
        elif name in known:
            option = known[name]
            if not equals:
                if option.is_switch:
                    is_value = rest and rest[0].lower() in ("true", "false")
                    value = rest.pop(0) if is_value else "true"
                elif not rest:
                    raise usage(f"{name} needs a value: {option.metavar}.")
                else:
                    value = rest.pop(0)
            if value == "None" and option.none is not None:
                value = option.none
                if option.none == ABSENT:
                    continue
            result.append(f"{option.name}={value}")
        elif name not in ANYWAY and not _is_refused(name, equals, value, rest):
            result.append(word)
    return result


def _is_refused(name: str, equals: str, value: str, rest: list[str]) -> bool:
    """Raise `MlenvError` for what is not here, with what to do instead; True for its `False`."""
    if name in SECRET:
        raise usage(
            "A token does not belong on a command line, where every user can read it. "
            "Set HF_TOKEN, or log in with `hf auth login`."
        )
    if name not in REFUSED:
        return False
    if not equals and rest and rest[0].lower() == "false":
        value = rest.pop(0)
    if value.lower() == "false":
        return True
    raise MlenvError("usage", f"mlenv has no {name}.", REFUSED[name], exit_code=WRONG_USAGE)


def _defaults(settings: Settings) -> dict[str, Any]:
    """The user's own defaults, each as its option would take it; raises `MlenvError`."""
    return {
        option.attribute: _default(option, value, settings)
        for option in OPTIONS
        if option.setting and (value := settings.values.get(option.setting))
    }


def _words(settings: Settings | None) -> list[str]:
    """The user's own defaults as words of a command line."""
    values = settings.values if settings else {}
    return [
        f"{option.name}={values[name]}" for option in OPTIONS if (name := option.setting) in values
    ]


def _default(option: Option, word: str, settings: Settings) -> object:
    try:
        return option.kind(word)
    except WrongValue as error:
        where = settings.origin(option.setting)
        end = "" if str(error).endswith("?") else "."
        raise MlenvError("wrong-setting", f"{where}: {error}{end}", exit_code=WRONG_USAGE) from None
