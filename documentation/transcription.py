"""The page of `mlenv exec transcribe`'s options, from its own parser, and of its formats."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from documentation import markdown as md
from mlenv.speech.transcribe.formats import FORMATS
from mlenv.speech.transcribe.parser import build

_TOP = """\
`mlenv exec diarize AUDIO..` takes the same options and writes only who speaks when. Names are those
of Whisper's, whisper-ctranslate2's and whisperX's command lines, with hyphens or underscores. In
brackets stands what holds where an option is not named. An option that takes `BOOL` may also stand
alone, which means True.

[Transcribe many recordings](../how-to/many-recordings.md) shows them at work, and
[How speech is heard](../explanation/speech.md) says what is done with a recording.
"""


def markdown() -> str:
    """The whole page."""
    parser = build("transcribe")
    return "\n".join(
        [
            md.head("Options of transcribe", _TOP),
            md.block("mlenv exec transcribe [OPTION].. AUDIO.."),
            *_groups(parser),
            "## Formats\n",
            "What `--format` takes, one or several.\n",
            md.table(("name", ""), _formats()),
        ]
    )


def _groups(parser: argparse.ArgumentParser) -> Iterator[str]:
    formatter = parser._get_formatter()
    for group in parser._action_groups:
        rows = []
        for action in group._group_actions:
            if action.help == argparse.SUPPRESS:
                continue
            names = ", ".join(action.option_strings) or str(action.metavar)
            values = formatter._format_args(
                action, formatter._get_default_metavar_for_optional(action)
            )
            text = formatter._expand_help(action) if action.help else ""
            shown = f"{names} {values}".strip() if action.option_strings else names
            rows.append((md.code(shown), md.plain(text)))
        if rows:
            title = {"positional arguments": "Input", "options": "General"}.get(
                str(group.title), str(group.title)
            )
            yield f"## {title[:1].upper()}{title[1:]}\n"
            yield md.table(("option", ""), rows)


def _formats() -> Iterator[tuple[str, str]]:
    for name, function in FORMATS.items():
        yield md.code(name), md.plain((function.__doc__ or "").partition("\n\n")[0])
    yield (
        "`jsonl`",
        "Segments as they are heard, then the transcript: a JSON document a line.",
    )
    yield "`all`", "What Whisper's own `all` writes, and `rttm` with `--diarize`."
