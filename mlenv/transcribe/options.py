"""The command line of `mlenv exec transcribe`.

Names are those of Whisper's, whisper-ctranslate2's and whisperX's command lines where they have
one, with hyphens or underscores. argparse and not click: this is on the path of every recording.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from mlenv import models
from mlenv.result import WRONG_USAGE, MlenvError

FORMATS = ("txt", "srt", "vtt", "tsv", "json", "rttm")
STREAMED = "jsonl"

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
        raise _usage(message[:1].upper() + message[1:] + ".")


def parse(words: Sequence[str], *, diarize_only: bool = False) -> argparse.Namespace:
    """The options of one call; raises `MlenvError` (exit code 2) for wrong usage."""
    command = "diarize" if diarize_only else "transcribe"
    parser = _parser(command)
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
            raise _usage(
                f"There is no format `{kind}`. There are {', '.join(FORMATS)}, {STREAMED}."
            )
    default = ["rttm"] if options.only_speakers else ["txt"]
    options.formats = tuple(dict.fromkeys(kinds)) or tuple(default)
    if options.stdin:
        options.audio = [*options.audio, "-"]
    if not options.audio:
        raise _usage("Name at least one audio file, folder or pattern, or `-` for standard input.")
    if options.output_dir == "-":
        options.output_dir = None
    if len(options.formats) > 1 and not options.output_dir and not options.json:
        raise _usage("Several formats need --output-dir DIR; standard output takes one.")
    if STREAMED in options.formats and (options.output_dir or options.json):
        raise _usage("jsonl goes to standard output, alone: leave out --output-dir and --json.")
    if options.resume and not options.output_dir:
        raise _usage("--resume needs --output-dir DIR, to see what is done there.")
    if "rttm" in options.formats and not options.diarize:
        raise _usage("rttm says who speaks when: add --diarize.")
    if options.num_speakers and (options.min_speakers or options.max_speakers):
        raise _usage("--num-speakers is exact; leave out --min-speakers and --max-speakers.")
    if (options.min_speakers or 1) > (options.max_speakers or 10_000):
        raise _usage("--min-speakers is more than --max-speakers.")
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
            raise _usage("--suppress-tokens takes numbers with commas between them.") from error


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
            raise _usage(
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


def _usage(message: str) -> MlenvError:
    return MlenvError(
        "usage", message, "Try `mlenv exec transcribe --help`.", exit_code=WRONG_USAGE
    )


def _parser(command: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"mlenv exec {command}",
        usage="%(prog)s [OPTION].. AUDIO..",
        description="Turn speech into text, with --diarize also into who said what.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )

    def switch(group: argparse._ArgumentGroup, name: str, help: str, default: bool | None) -> None:
        group.add_argument(
            name, nargs="?", type=_truth, const=True, default=default, metavar="BOOL", help=help
        )

    add = parser.add_argument
    add("audio", nargs="*", metavar="AUDIO", help="a file, a folder, a pattern, or - for stdin")
    add("--venv", metavar="DIR", help="the environment (default: $MLENV_VENV, else ~/.venvs/ml)")

    group = parser.add_argument_group("output")
    group.add_argument(
        "--format", action="append", metavar="F[,F]", help="txt srt vtt tsv json rttm jsonl, or all"
    )
    group.add_argument(
        "--output-dir", "-o", metavar="DIR", help="write files (default: - , stdout)"
    )
    switch(group, "--resume", "skip files whose outputs are there already", False)
    switch(group, "--recursive", "look into the folders below", False)
    switch(group, "--stdin", "read audio from standard input, as `-` does", False)
    switch(group, "--json", "print one JSON document and nothing else", False)
    switch(group, "--progress", "show progress (default: on a terminal)", None)
    switch(group, "--quiet", "no progress and no notes", False)
    group.add_argument("--max-line-width", type=_count, metavar="N", help="characters a line")
    group.add_argument("--max-line-count", type=_count, metavar="N", help="lines a caption")
    group.add_argument("--max-words-per-line", type=_count, metavar="N", help="words a caption")
    switch(group, "--highlight-words", "underline each word as it is spoken (srt, vtt)", False)

    group = parser.add_argument_group("model and device")
    group.add_argument(
        "--model",
        default=models.default(),
        metavar="NAME",
        help="name, folder or hub id (%(default)s)",
    )
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(%(default)s)"
    )
    group.add_argument("--device-index", type=int, default=0, metavar="N", help="which GPU")
    group.add_argument(
        "--compute-type", default="auto", metavar="TYPE", help="int8, float16, ... (what is best)"
    )
    group.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads")
    switch(group, "--offline", "never touch the network", False)
    switch(group, "--batched", "several windows at once: faster, above all on a GPU", False)
    group.add_argument("--batch-size", type=_count, metavar="N", help="with --batched (8)")

    group = parser.add_argument_group("speakers")
    switch(group, "--diarize", "find out who speaks when", False)
    group.add_argument(
        "--diarize-model",
        metavar="NAME",
        default="auto",
        help="auto, open, 3.1, community-1, folder",
    )
    group.add_argument("--num-speakers", type=_count, metavar="N", help="exactly so many")
    group.add_argument("--min-speakers", type=_count, metavar="N", help="at least so many")
    group.add_argument("--max-speakers", type=_count, metavar="N", help="at most so many")
    group.add_argument("--speaker-names", metavar="A,B", help="in the order in which they speak")

    group = parser.add_argument_group("recognition (as in faster-whisper)")
    group.add_argument("--language", metavar="LANG", help="en, de, .. (found out by itself)")
    group.add_argument("--task", choices=("transcribe", "translate"))
    switch(group, "--word-timestamps", "times for each word", False)
    switch(group, "--vad-filter", "leave out what is no speech (True)", True)
    for name, kind in (
        ("--vad-threshold", float),
        ("--vad-min-speech-duration-ms", int),
        ("--vad-max-speech-duration-s", float),
        ("--vad-min-silence-duration-ms", int),
        ("--vad-speech-pad-ms", int),
        ("--beam-size", _count),
        ("--best-of", _count),
        ("--patience", float),
        ("--length-penalty", float),
        ("--repetition-penalty", float),
        ("--no-repeat-ngram-size", int),
        ("--temperature", float),
        ("--compression-ratio-threshold", float),
        ("--logprob-threshold", float),
        ("--no-speech-threshold", float),
        ("--hallucination-silence-threshold", float),
        ("--initial-prompt", str),
        ("--prefix", str),
        ("--hotwords", str),
        ("--suppress-tokens", str),
        ("--prepend-punctuations", str),
        ("--append-punctuations", str),
    ):
        group.add_argument(name, type=kind, metavar="X")
    group.add_argument("--temperature-increment-on-fallback", type=float, default=0.2, metavar="X")
    for name in ("--condition-on-previous-text", "--suppress-blank", "--multilingual"):
        switch(group, name, "", None)
    return parser
