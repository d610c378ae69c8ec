"""Logs as programs leave them, made readable: encodings, colours, prefixes, frames, wrapping."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

_ANSI = re.compile(
    rb"\x1b(?:\[[0-?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b\n]{0,300}(?:\x07|\x1b\\)|[@-Z\\-_=>])"
)
_SINGLE = re.compile(rb"\xe2\x80[\x98-\x9b]")
_DOUBLE = re.compile(rb"\xe2\x80[\x9c-\x9f]")
_FRAME = re.compile(rb"(?:\xe2[\x94\x95][\x80-\xbf]|\xe2\x96[\x80-\xbf]|\xe2\x9d\xb1|\xc3\x97 )+")
_SPACE = re.compile(rb"[ \t\r\n\x0b\x0c\x00]+|\xc2\xa0")

# What runners put before each line of their children: compose and honcho (`app-1  | `), pip
# (`| `), a time stamp, Kubernetes (`stderr F `), systemd (`Nov 23 05:12:17 host unit[123]: `).
_PREFIX = re.compile(
    rb"^[ \t]{0,40}(?:"
    rb"[\w./-]{1,60} {0,20}\|[ \t]"
    rb"|\|[ \t]"
    rb"|#\d{1,4} (?:\d{1,6}\.\d{1,4} )?"
    rb"|[a-z]{3} [ \d]\d \d\d:\d\d:\d\d [\w.-]{1,60} [^ :]{1,60}: "
    rb"|\[?\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:z|[+-]\d\d:?\d\d)?\]?"
    rb"(?: ?(?:stdout|stderr) [fp] )?"
    rb"){1}",
    re.MULTILINE | re.IGNORECASE,
)
_ESCAPE = re.compile(rb"""\\(?:(["'\\/])|([rnt])|u201[89])""", re.IGNORECASE)
_ESCAPED_ANSI = re.compile(rb"\\u001b\[[0-9;]{0,20}m|\\x1b\[[0-9;]{0,20}m", re.IGNORECASE)


def without_colours(block: bytes) -> bytes:
    return _ANSI.sub(b"", block) if b"\x1b" in block else block


def is_escaped(window: bytes) -> bool:
    """Tell if this may be text inside a JSON string (or Python's repr)."""
    return b"\\n" in window or b'\\"' in window or b"\\\\" in window


def unescaped(window: bytes) -> Iterator[bytes]:
    """Restore line breaks and quotes of text inside JSON strings.

    Then of the strings inside that text, and once more.
    """
    for _ in range(3):
        if not is_escaped(window):
            return
        window = _ESCAPE.sub(_character, _ESCAPED_ANSI.sub(b"", window))
        yield window


def _character(escape: re.Match[bytes]) -> bytes:
    """The character of an escape; line breaks and tabs count as one white space."""
    return escape[1] or (b"\n" if escape[2] else b"'")


def flat(window: bytes) -> bytes:
    """One line: without the runners' prefixes, frames and wrapping; quotes made plain."""
    window = _PREFIX.sub(b"", window)
    window = _FRAME.sub(b" ", window)
    window = _DOUBLE.sub(b'"', _SINGLE.sub(b"'", window))
    return _SPACE.sub(b" ", window)


def decoder(start: bytes) -> codecs.IncrementalDecoder | None:
    """For logs in UTF-16 (PowerShell's `>` writes them): by their first bytes, else None."""
    sample = start[:4096]
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if marked and sample.count(0) > 0.05 * len(sample):
        return codecs.getincrementaldecoder("utf-16")("replace")
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    few, many = 0.1 * len(sample) / 2, 0.4 * len(sample) / 2
    if odd > many and even < few:
        return codecs.getincrementaldecoder("utf-16-le")("replace")
    if even > many and odd < few:
        return codecs.getincrementaldecoder("utf-16-be")("replace")
    return None
