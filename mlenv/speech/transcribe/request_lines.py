"""Requests as JSON lines: read them, and say what is wrong with those that can't be done.

A request is an object with an `id`, the file (`audio`) and options by their names on the command
line, with hyphens or underscores. `{"cancel": ID}` takes one back.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlenv.result import WRONG_USAGE, MlenvError
from mlenv.speech.transcribe import inputs
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.option_table import STREAMED, names
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.worker_process import Inbox, Line

LONGEST = 1 << 20  # bytes of a line
CHUNK = 1 << 16  # bytes that are read at once
Id = str | int
# Options about the whole run, or about files that are written: not for one request.
OF_THE_RUN = (
    *("--serve", "--idle-timeout", "--venv", "--help", "--json", "--progress", "--quiet"),
    *("--verbose", "--format", "--output-dir", "--resume", "--recursive", "--stdin"),
    *("--files-from", "--part", "--engine", "--address"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One recording to transcribe. `number`: that of its line."""

    id: Id
    number: int
    source: Source
    options: argparse.Namespace


@dataclass(frozen=True, slots=True)
class Cancel:
    """The request of this id is wanted no more."""

    id: Id


@dataclass(frozen=True, slots=True)
class Malformed:
    """A line that asks for nothing that can be done; `id` is None where it has none to be read."""

    id: Id | None
    number: int
    error: MlenvError


def listen(stream: int, inbox: Inbox, room: threading.Semaphore) -> None:
    """Put each line of a file descriptor into `inbox`, as long as there is `room`, and its end."""
    number, rest, too_long = 0, b"", False

    def put(content: bytes) -> None:
        nonlocal number, too_long
        number += 1
        if too_long or content.strip():
            room.acquire()
            is_whole = not too_long and len(content) <= LONGEST
            inbox.put(Line(number, content if is_whole else None))
        too_long = False

    while chunk := _read(stream):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            put(line)
        if len(rest) > LONGEST:  # what comes until its end is let go
            rest, too_long = b"", True
    if rest or too_long:
        put(rest)
    inbox.put(Line(number + 1, b""))


def _read(stream: int) -> bytes:
    try:
        return os.read(stream, CHUNK)
    except OSError:  # as good as its end
        return b""


def parse_line(line: Line, defaults: Sequence[str]) -> Request | Cancel | Malformed:
    """Read one line. `defaults`: words of a command line that hold where a request says nothing."""
    fields: Mapping[str, Any] = {}
    try:
        fields = _object(line.content)
        return _meaning(fields, line.number, defaults)
    except MlenvError as error:
        name = fields.get("id")
        return Malformed(name if _is_id(name) else None, line.number, error)


def wrong(message: str, hint: str = "") -> MlenvError:
    """The error for a request that asks for nothing that can be done."""
    return MlenvError("request", message, hint, exit_code=WRONG_USAGE)


def _is_id(name: object) -> bool:
    return isinstance(name, str | int) and not isinstance(name, bool)


def _object(content: bytes | None) -> dict[str, Any]:
    if content is None:
        raise wrong(
            f"The line is longer than {LONGEST >> 20} MiB.", "End each request with a newline."
        )
    try:
        fields = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise wrong(f"The line is not UTF-8: {error.reason} at byte {error.start}.") from error
    except json.JSONDecodeError as error:
        raise wrong(f"The line is not JSON: {error.msg} at character {error.pos}.") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or nested so
        raise wrong(f"The line is not JSON that can be read: {error}.") from error
    if not isinstance(fields, dict):
        raise wrong("The line is no JSON object.", 'Send {"id": .., "audio": ..}.')
    return fields


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise wrong(f"`{twice}` is in the request twice.")
    return fields


def _meaning(
    fields: Mapping[str, Any], number: int, defaults: Sequence[str]
) -> Request | Cancel | Malformed:
    if "cancel" in fields:
        if set(fields) != {"cancel"} or not _is_id(fields["cancel"]):
            raise wrong(
                "A request to cancel has an id, and nothing else.",
                'Send {"cancel": ID} with the id of a request.',
            )
        return Cancel(fields["cancel"])
    name, audio = fields.get("id"), fields.get("audio")
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise wrong("The request has no `id`, a string or a whole number that its answers bear.")
    if not isinstance(audio, str) or not audio:
        raise wrong("The request has no `audio`, the path of one recording.")
    try:
        os.fsencode(audio)
    except UnicodeEncodeError as error:
        raise wrong(f"audio is {json.dumps(audio)[:60]}, which no file can be called.") from error
    chosen = {key: value for key, value in fields.items() if key not in ("id", "audio")}
    words = [word for key, value in chosen.items() if (word := _word(key, value)) is not None]
    options = parse([*defaults, *words, f"--format={STREAMED}", "--", audio])
    source = replace(inputs.single(audio), number=number)
    return Request(name, number, source, options)


def _word(key: str, value: object) -> str | None:
    """One field as on a command line; None for null, which is as if it were not there."""
    option = "--" + key.replace("_", "-")
    option = known.name if (known := names().get(option)) else option
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", key):
        raise wrong(
            f"There is no option {json.dumps(key)}.",
            "A request takes the options of `mlenv exec transcribe --help`.",
        )
    if option in OF_THE_RUN:
        raise wrong(f"{option} is not for one request.", "Name it where --serve begins, if at all.")
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return f"{option}={','.join(map(_text, value))}"
    if isinstance(value, str | int | float):
        return f"{option}={_text(value)}"
    raise wrong(f"{key} is {json.dumps(value)[:60]}: it takes a string, a number, true or false.")


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def defaults(options: argparse.Namespace) -> list[str]:
    """Words of the command line that began to serve, without those about the run."""
    return [word for word in options.words if word.partition("=")[0] not in OF_THE_RUN]
