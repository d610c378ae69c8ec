"""Numbers of a log that say more than their text: first bytes, exit codes, error codes."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

# What a file is by its first bytes (lower-case): the fact, and the words for it.
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"vers", "lfs_pointer", "a Git LFS pointer"),
    (b"<", "html_page", "an HTML page"),
    (b'{"', "html_page", "a JSON text, such as a server's error"),
    (b"pk\x03\x04", "other_format", "a zip archive, as torch.save writes it"),
    (b"gguf", "other_format", "a GGUF file, as llama.cpp reads it"),
    (b"lmgg", "other_format", "a GGML file, as whisper.cpp reads it"),
    (b"ggml", "other_format", "a GGML file, as whisper.cpp reads it"),
    (b"ggjt", "other_format", "a GGML file, as llama.cpp reads it"),
    (b"\x80\x02", "other_format", "a Python pickle, as old releases of torch.save write it"),
    (b"\x80\x04", "other_format", "a Python pickle"),
    (b"\x89hdf", "other_format", "an HDF5 file"),
    (b"\x1f\x8b", "other_format", "a gzip archive"),
)
_NUMBERS = (
    (r"has binary version v(\d{4,10})\b", 10),
    (r"binary version v(\d{4,10})\b", 10),
    (r"magic[^\n]{0,60}?\b(?:0x)([0-9a-f]{8})\b", 16),
    (r"magic[^\n]{0,60}?\b([0-9a-f]{8})\b", 16),
)
_QUOTED = (r"magic[^\n]{0,60}?'([^'\n]{4})'", r"invalid load key, '([^'\n\\])'")
_BYTE = r"unsupported operand (\d{1,3})\b"

_WINDOWS = {
    2: "the file was not found",
    5: "access is denied",
    32: "the file is in use by another program",
    112: "the disk is full",
    126: "the DLL, or one that it needs, was not found",
    127: "the DLL lacks a function that is looked for in it",
    193: "the file is no program or DLL for this Windows and processor",
    206: "the path is too long",
    1114: "a DLL failed to start",
    1314: "the account may not make links",
    1455: "the paging file is too small: memory ran out",
    10013: "the firewall or another program forbids this connection",
    10054: "the other side closed the connection",
    10060: "the connection timed out",
    10061: "nobody answers at that address",
    11001: "the host name can't be resolved",
}
_STATUS = {
    0xC0000005: "access violation",
    0xC000001D: "illegal instruction",
    0xC0000017: "memory ran out",
    0xC000007B: "a DLL for another processor, or a damaged one",
    0xC0000135: "a DLL was not found",
    0xC0000139: "a DLL lacks a function",
    0xC0000142: "a DLL failed to start",
    0xC0000409: "the program stopped itself after memory corruption or abort()",
}
_CODE = re.compile(
    r"\b(?:exit(?:ed)?|return|error|status|ended|terminated)[ _-]?(?:with )?(?:exit )?"
    r"(?:code|status)?[ :=(]{0,3}(-?\d{1,10})\b"
)
_WINERROR = re.compile(r"\b(?:winerror|os error|error code) (\d{1,5})\b")


def first_bytes(log: str) -> dict[str, str]:
    """Facts from a number or character that a program read at the beginning of a file.

    `log` is lower-case. CTranslate2 prints the first four bytes of model.bin, as a little-endian
    number, for the model's binary version.
    """
    text, start = _first_bytes(log)
    for prefix, fact, words in _KINDS:
        if start.startswith(prefix):
            letters = start.decode("latin-1")
            quoted = f"`{letters}`, " if letters.isascii() and letters.isprintable() else ""
            many = f"first {len(start)} bytes" if len(start) > 1 else "first byte"
            return {fact: "yes", "first_bytes": f"{text} is the file's {many}: {quoted}{words}"}
    return {}


def _first_bytes(log: str) -> tuple[str, bytes]:
    """The text of the log, and the bytes (lower-case) that it stands for."""
    for pattern, base in _NUMBERS:
        if match := re.search(pattern, log):
            value = int(match[1], base) & 0xFFFFFFFF
            little, big = value.to_bytes(4, "little").lower(), value.to_bytes(4, "big").lower()
            is_known = any(big.startswith(prefix) for prefix, _, _ in _KINDS)
            return match[1], big if is_known and base == 16 else little
    for pattern in _QUOTED:
        if match := re.search(pattern, log):
            return f"'{match[1]}'", match[1].encode()
    if match := re.search(_BYTE, log):
        return match[1], bytes([int(match[1]) & 0xFF])
    return "", b""


def numbers(log: str) -> tuple[str, ...]:
    """Explain numbers of the log (versions, first bytes), one line each; at most four."""
    lowered = log.lower()
    start = first_bytes(lowered).get("first_bytes")
    lines = [*([start] if start else []), *_exit_codes(lowered), *_windows(lowered)]
    return tuple(dict.fromkeys(lines))[:4]


def _windows(log: str) -> Iterator[str]:
    for match in _WINERROR.finditer(log):
        number = int(match[1])
        if number in _WINDOWS and ("winerror" in match[0] or number > 200):
            yield f"Windows' error {number}: {_WINDOWS[number]}"


def _exit_codes(log: str) -> Iterator[str]:
    for match in _CODE.finditer(log):
        number = int(match[1])
        unsigned = number & 0xFFFFFFFF
        if unsigned in _STATUS:
            yield f"exit code {number} is Windows' 0x{unsigned:08X}: {_STATUS[unsigned]}"
        elif ended := _signal(number):
            yield f"exit code {number}: the program was ended by {ended}"


def _signal(code: int) -> str:
    """The name of the signal that an exit code stands for (128 + n, or -n)."""
    number = code - 128 if code > 128 else -code
    if number not in (4, 6, 7, 9, 11, 15):
        return ""
    return signal.Signals(number).name
