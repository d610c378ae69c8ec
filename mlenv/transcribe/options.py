"""The command line of `mlenv exec transcribe`.

Names are those of Whisper's, whisper-ctranslate2's and whisperX's command lines where they have
one, with hyphens or underscores. argparse and not click: this is on the path of every recording.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mlenv.transcribe.parser import build as parser_of
from mlenv.transcribe.parser import usage

FORMATS = ("txt", "srt", "vtt", "tsv", "json", "rttm")
STREAMED = "jsonl"
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
    "vad_filter": "vad_filter",
}
_VAD = {
    "vad_threshold": "threshold",
    "vad_min_speech_duration_ms": "min_speech_duration_ms",
    "vad_max_speech_duration_s": "max_speech_duration_s",
    "vad_min_silence_duration_ms": "min_silence_duration_ms",
    "vad_speech_pad_ms": "speech_pad_ms",
}
_SAME = {
    "--output-format": "--format",
    "-f": "--format",
    "--model-size-or-path": "--model",
    "--print-progress": "--progress",
    "--log-prob-threshold": "--logprob-threshold",
}
_SECRET = ("--hf-token", "--token", "--use-auth-token")


def parse(words: Sequence[str], *, diarize_only: bool = False) -> argparse.Namespace:
    """The options of one call; raises `MlenvError` (exit code 2) for wrong usage."""
    command = "diarize" if diarize_only else "transcribe"
    parser = parser_of(command)
    before, after = _split(words)
    options = parser.parse_intermixed_args(_normalised(parser, before))
    options.audio = [*options.audio, *after]
    options.only_speakers = diarize_only
    options.diarize = options.diarize or diarize_only
    _complete(options)
    return options


def decoding(options: argparse.Namespace) -> dict[str, object]:
    """What goes to faster-whisper: only what was asked for, so that its defaults hold."""
    chosen = {
        theirs: value
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
    if options.temperature is not None:
        chosen["temperature"] = _temperatures(
            options.temperature, options.temperature_increment_on_fallback
        )
    return chosen


def _temperatures(first: float, step: float) -> list[float]:
    if step <= 0:
        return [first]
    return [round(first + step * n, 3) for n in range(int((1.0 - first) / step + 1.001))]


def _complete(options: argparse.Namespace) -> None:
    kinds = [kind for word in options.format or () for kind in word.split(",") if kind]
    if "all" in kinds:
        kinds = list(FORMATS if options.diarize else [f for f in FORMATS if f != "rttm"])
    for kind in kinds:
        if kind not in (*FORMATS, STREAMED):
            raise usage(f"There is no format `{kind}`. There are {', '.join(FORMATS)}, {STREAMED}.")
    default = ["rttm"] if options.only_speakers else ["txt"]
    options.formats = tuple(dict.fromkeys(kinds)) or tuple(default)
    if options.stdin:
        options.audio = [*options.audio, "-"]
    if not options.audio:
        raise usage("Name at least one audio file, folder or pattern, or `-` for standard input.")
    if options.output_dir == "-":
        options.output_dir = None
    if len(options.formats) > 1 and not options.output_dir and not options.json:
        raise usage("Several formats need --output-dir DIR; standard output takes one.")
    if STREAMED in options.formats and (options.output_dir or options.json):
        raise usage("jsonl goes to standard output, alone: leave out --output-dir and --json.")
    if options.resume and not options.output_dir:
        raise usage("--resume needs --output-dir DIR, to see what is done there.")
    if "rttm" in options.formats and not options.diarize:
        raise usage("rttm says who speaks when: add --diarize.")
    if options.num_speakers and (options.min_speakers or options.max_speakers):
        raise usage("--num-speakers is exact; leave out --min-speakers and --max-speakers.")
    if (options.min_speakers or 1) > (options.max_speakers or 10_000):
        raise usage("--min-speakers is more than --max-speakers.")
    by_words = options.max_line_width or options.max_line_count or options.max_words_per_line
    if by_words or options.highlight_words or options.diarize:
        options.word_timestamps = True
    options.speaker_names = [
        name.strip() for name in (options.speaker_names or "").split(",") if name.strip()
    ]
    if options.suppress_tokens is not None:
        try:
            options.suppress_tokens = [int(n) for n in options.suppress_tokens.split(",") if n]
        except ValueError as error:
            raise usage("--suppress-tokens takes numbers with commas between them.") from error
        if not all(-1 <= token < VOCABULARY for token in options.suppress_tokens):
            raise usage(f"--suppress-tokens takes -1 and the numbers below {VOCABULARY}.")


def _split(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """What is before `--` and the files after it."""
    if "--" not in words:
        return words, ()
    at = list(words).index("--")
    return words[:at], words[at + 1 :]


def _normalised(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Underscores as hyphens, other tools' names as ours, `--name value` as `--name=value`.

    A switch takes the next word only where it is True or False; anything else takes it whatever
    it looks like (`--suppress-tokens -1,5`).
    """
    kinds = {name: action.nargs for action in parser._actions for name in action.option_strings}
    result: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            result.append(word)
            continue
        name, equals, value = word.partition("=")
        name = name.replace("_", "-") if name.startswith("--") else name
        name = _SAME.get(name, name)
        if name in _SECRET:
            raise usage(
                "A token does not belong on a command line, where every user can read it. "
                "Set HF_TOKEN, or log in with `hf auth login`."
            )
        if not equals and kinds.get(name) == "?":
            value = rest.pop(0) if rest and rest[0].lower() in ("true", "false") else "true"
            equals = "="
        elif not equals and rest and name in kinds and kinds[name] is None:
            equals, value = "=", rest.pop(0)
        result.append(name + equals + value)
    return result
