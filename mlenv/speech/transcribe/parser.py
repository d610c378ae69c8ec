"""The parser of `mlenv exec transcribe` and its help, made from the table of options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe import option_table
from mlenv.speech.transcribe.compat import REFUSED
from mlenv.speech.transcribe.option import INPUT, Option
from mlenv.speech.transcribe.values import WrongValue, near

EXAMPLES = """\
examples:
  mlenv exec transcribe talk.m4a
  mlenv exec transcribe --diarize --format srt,json --output-dir out meeting.mp4
  mlenv exec transcribe --recursive --resume --output-dir out recordings/
  ffmpeg -i rtsp://camera -f wav - | mlenv exec transcribe --format jsonl -

`--model` is `base` where you name none: it knows 99 languages, is fast without a GPU and its
142 MB come from the hub or the package index. `tiny.en` is half of it and English only. Names of
the hub (large-v3, owner/name) and folders work too; `mlenv models` lists what is here.

Your own defaults: MLENV_MODEL, MLENV_LANGUAGE, MLENV_DEVICE and MLENV_FORMATS, or `model`,
`language`, `device` and `formats` in ~/.config/mlenv/config.toml; `mlenv status` shows them.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        kind, _, words = message.partition(": ")
        if kind == "unrecognized arguments":
            raise usage(unknown_option(words.split()[0]))
        message = message.removeprefix("argument ")
        raise usage(message if message.endswith("?") else f"{message}.")


def unknown_option(word: str) -> str:
    """The message for an option that is not in the table, with the nearest one that is."""
    name = word.partition("=")[0]
    spelt = name.replace("_", "-")
    match = near(spelt, [*option_table.names(), *REFUSED])
    if not match:  # `--outputformat` for `--output-format`
        joined = {each.replace("-", ""): each for each in option_table.names()}
        match = (
            f". Did you mean {joined[key]}?" if (key := spelt.replace("-", "")) in joined else ""
        )
    return f"There is no option {name}{match or '.'}"


def usage(message: str) -> MlenvError:
    return MlenvError(
        "usage", message, "Try `mlenv exec transcribe --help`.", exit_code=WRONG_USAGE
    )


def _typed(option: Option) -> Callable[[str], object]:
    """The kind as argparse calls it: its message is shown as it is."""

    def value(word: str) -> object:
        try:
            return option.kind(word)
        except WrongValue as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return value


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
    parser.add_argument(
        "audio", nargs="*", metavar="AUDIO", help="a file, a folder, a pattern, or - for stdin"
    )
    groups: dict[str, argparse._ActionsContainer] = {INPUT: parser}
    for option in option_table.OPTIONS:
        group = groups.get(option.group)
        if group is None:
            group = groups[option.group] = parser.add_argument_group(option.group)
        short = [name for name in option.also if name == "-o"]
        more: dict[str, Any] = {"nargs": "?", "const": True} if option.is_switch else {}
        if option.repeated:
            more["action"] = "append"
        group.add_argument(
            option.name,
            *short,
            type=_typed(option),
            metavar=option.metavar,
            default=option.default,
            help=option.text.replace("%", "%%"),
            **more,
        )
    return parser
