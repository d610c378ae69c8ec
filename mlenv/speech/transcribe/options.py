"""The command line of `mlenv exec transcribe`.

Names are those of Whisper's, whisper-ctranslate2's and whisperX's command lines where they have
one, with hyphens or underscores. argparse and not click: this is on the path of every recording.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe.compat import ANYWAY, NONE, OFF, REFUSED, SAME, SECRET
from mlenv.speech.transcribe.formats import FORMATS, OF_WHISPER
from mlenv.speech.transcribe.parser import build as parser_of
from mlenv.speech.transcribe.parser import usage
from mlenv.speech.transcribe.transcript import one_line
from mlenv.speech.workers.fallback import TEMPERATURES

STREAMED = "jsonl"
PIPELINES = "pyannote/speaker-diarization-"
NUMBERED = r"(SPEAKER|CHANNEL)_\d+"  # names that mlenv gives itself
WINDOW = 30  # seconds that Whisper hears at once
SEEDS = 1 << 32  # numbers that CTranslate2 takes
VOCABULARY = 51_866  # tokens of the largest Whisper model

# Options of ours that faster-whisper's `transcribe` takes under another name.
_DECODING = {
    "language": "language",
    "task": "task",
    "beam_size": "beam_size",
    "best_of": "best_of",
    "patience": "patience",
    "length_penalty": "length_penalty",
    "repetition_penalty": "repetition_penalty",
    "no_repeat_ngram_size": "no_repeat_ngram_size",
    "compression_ratio_threshold": "compression_ratio_threshold",
    "logprob_threshold": "log_prob_threshold",
    "no_speech_threshold": "no_speech_threshold",
    "condition_on_previous_text": "condition_on_previous_text",
    "initial_prompt": "initial_prompt",
    "prefix": "prefix",
    "hotwords": "hotwords",
    "suppress_blank": "suppress_blank",
    "suppress_tokens": "suppress_tokens",
    "multilingual": "multilingual",
    "prepend_punctuations": "prepend_punctuations",
    "append_punctuations": "append_punctuations",
    "hallucination_silence_threshold": "hallucination_silence_threshold",
    "prompt_reset_on_temperature": "prompt_reset_on_temperature",
    "clip_timestamps": "clip_timestamps",
    "chunk_size": "chunk_length",
    "vad_filter": "vad_filter",
}
_VAD = {
    "vad_threshold": "threshold",
    "vad_neg_threshold": "neg_threshold",
    "vad_min_speech_duration_ms": "min_speech_duration_ms",
    "vad_max_speech_duration_s": "max_speech_duration_s",
    "vad_min_silence_duration_ms": "min_silence_duration_ms",
    "vad_speech_pad_ms": "speech_pad_ms",
}
# What works on word times, so that asking for it asks for them.
_BY_WORD = (
    "max_line_width",
    "max_line_count",
    "max_words_per_line",
    "highlight_words",
    "captions",
    "hallucination_silence_threshold",
    "prepend_punctuations",
    "append_punctuations",
    "diarize",
    "channels_speak",
)
_ABOUT_SPEAKERS = ("num_speakers", "min_speakers", "max_speakers", "speaker_names")


def parse(words: Sequence[str], *, diarize_only: bool = False) -> argparse.Namespace:
    """The options of one call; raises `MlenvError` (exit code 2) for wrong usage."""
    command = "diarize" if diarize_only else "transcribe"
    parser = parser_of(command)
    before, after = _split(words)
    plain = _normalised(parser, before)
    options = parser.parse_intermixed_args(plain)
    options.audio = [*options.audio, *after]
    options.only_speakers = diarize_only
    options.diarize = options.diarize or diarize_only
    _complete(options)
    options.words = plain
    return options


def decoding(options: argparse.Namespace) -> dict[str, object]:
    """Arguments for faster-whisper: requested ones and our defaults; its own hold for the rest."""
    chosen = {
        theirs: None if value == OFF else value
        for ours, theirs in _DECODING.items()
        if (value := getattr(options, ours)) is not None
    }
    vad = {
        theirs: value
        for ours, theirs in _VAD.items()
        if (value := getattr(options, ours)) is not None
    }
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
    _raise_unless_served(options)
    _complete_output(options)
    _complete_windows(options)
    _complete_speakers(options)
    options.model = options.model_directory or options.model
    options.quiet = options.quiet or options.verbose is False
    if options.fp16 is not None and options.compute_type == "auto":
        options.compute_type = "float16" if options.fp16 else "float32"
    if any(getattr(options, name) for name in _BY_WORD):
        options.word_timestamps = True
    if options.seed is None and options.temperature:
        options.seed = 0  # above temperature 0 from the beginning, words are drawn at random
    if (options.seed or 0) >= SEEDS:
        raise usage(f"--seed takes whole numbers below {SEEDS}.")
    if options.suppress_tokens is not None:
        try:
            options.suppress_tokens = [int(n) for n in options.suppress_tokens.split(",") if n]
        except ValueError as error:
            raise usage("--suppress-tokens takes numbers with commas between them.") from error
        if not all(-1 <= token < VOCABULARY for token in options.suppress_tokens):
            raise usage(f"--suppress-tokens takes -1 and the numbers below {VOCABULARY}.")


def _complete_output(options: argparse.Namespace) -> None:
    kinds = [kind for word in options.format or () for kind in word.split(",") if kind]
    if "all" in kinds:
        kinds = [*OF_WHISPER, *(["rttm"] if options.diarize else [])]
    for kind in kinds:
        if kind not in (*FORMATS, STREAMED):
            raise usage(f"There is no format `{kind}`. There are {', '.join(FORMATS)}, {STREAMED}.")
    default = ["rttm"] if options.only_speakers else ["txt"]
    options.formats = tuple(dict.fromkeys(kinds)) or tuple(default)
    if options.stdin:
        options.audio = [*options.audio, "-"]
    if not options.audio and not options.serve:
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


def _raise_unless_served(options: argparse.Namespace) -> None:
    """Raise for options that make no sense with --serve, or only there."""
    if not options.serve:
        if options.idle_timeout:
            raise usage("--idle-timeout is for --serve.")
        return
    if options.only_speakers:
        raise usage("--serve is for `mlenv exec transcribe`: a request asks for speakers itself.")
    if options.audio or options.stdin:
        raise usage("--serve reads what to transcribe from standard input: name no files.")
    if options.format and options.format != [STREAMED]:
        raise usage(f"--serve answers with the lines of {STREAMED}: leave out --format.")
    for name in ("output_dir", "json", "resume"):
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise usage(f"--serve answers on standard output, in JSON lines: leave out {option}.")


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
    for name in _ABOUT_SPEAKERS:
        if getattr(options, name) and not options.diarize:
            raise usage(f"--{name.replace('_', '-')} is about who speaks when: add --diarize.")
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


def _as_file(word: str, options: Collection[str]) -> str | None:
    """A word that is no option; the shell may bring a file whose name begins as one."""
    if not word.startswith("-") or word == "-":
        return word
    name = word.partition("=")[0].replace("_", "-")
    spellings = (*options, *SAME, *SECRET, *ANYWAY, *REFUSED)
    return f"./{word}" if name not in spellings and Path(word).is_file() else None


def _normalised(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Underscores as hyphens, what other tools call it as ours, `--name value` as `--name=value`.

    A switch takes the next word only where it is True or False; anything else takes it whatever
    it looks like (`--suppress-tokens -1,5`).
    """
    kinds = {name: action.nargs for action in parser._actions for name in action.option_strings}
    result: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if (file := _as_file(word, kinds)) is not None:
            result.append(file)
            continue
        name, equals, value = word.partition("=")
        name = name.replace("_", "-") if name.startswith("--") else name
        name = SAME.get(name, name)
        if name in SECRET:
            raise usage(
                "A token does not belong on a command line, where every user can read it. "
                "Set HF_TOKEN, or log in with `hf auth login`."
            )
        if name in ANYWAY:
            continue
        if name in REFUSED:
            if not equals and rest and rest[0].lower() == "false":
                value = rest.pop(0)
            if value.lower() == "false":
                continue
            raise MlenvError("usage", f"mlenv has no {name}.", REFUSED[name], exit_code=WRONG_USAGE)
        if not equals and kinds.get(name) == "?":
            value = rest.pop(0) if rest and rest[0].lower() in ("true", "false") else "true"
            equals = "="
        elif not equals and rest and name in kinds and kinds[name] is None:
            equals, value = "=", rest.pop(0)
        if value == "None" and name in NONE:
            if (instead := NONE[name]) is None:
                continue
            value = instead
        result.append(name + equals + value)
    return result
