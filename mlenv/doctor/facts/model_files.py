"""Files of models: whole or not, by their first bytes and what their own headers say of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from pathlib import Path
from typing import BinaryIO

import msgspec

WEIGHTS = (".bin", ".safetensors", ".pt", ".ckpt")
OTHERS = (".json", ".onnx", ".model", "config.yaml", "vocabulary.txt", "vocab.txt", "merges.txt")
NAMES = (*WEIGHTS, *OTHERS)  # how names of files that are looked into end

_PARSED = 1 << 20  # larger JSON texts are judged by their ends
_HASHED = 16 << 20  # bytes of the largest file whose hash is compared with its name
_ETAG = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_HEADER = 100 << 20  # the largest header that safetensors allows
_CTRANSLATE2_SPEC = b"Spec\0"
_ENDS = 22 + 65535  # where a zip archive's end record may begin, counted from the end


class _Tensor(msgspec.Struct, frozen=True):
    """A tensor in a safetensors header; `__metadata__` beside them has no place."""

    data_offsets: tuple[int, int] = (0, 0)


def fault(file: Path) -> str:
    """The fault of a file that its contents show, or an empty text; see `files.Partial`."""
    try:
        size = os.stat(file).st_size  # noqa: PTH116
        with file.open("rb") as content:
            head = content.read(512)
            return _instead(file.name, head) or _length(file.name, head, content, size)
    except PermissionError:
        return "unreadable"


def unlike_its_name(blob: Path) -> bool:
    """Tell if a small file of the hub's cache has other bytes than the hub named.

    A file in `blobs/` is called by its ETag: the Git blob id of a small file, the sha256 of one in
    Git LFS. Large files are known by size and format; to hash them takes seconds.
    """
    size = blob.stat().st_size
    if size > _HASHED or not _ETAG.fullmatch(blob.name):
        return False
    content = blob.read_bytes()
    if len(blob.name) == 64:
        return hashlib.sha256(content).hexdigest() != blob.name
    return hashlib.sha1(b"blob %d\0" % size + content).hexdigest() != blob.name


def _instead(name: str, head: bytes) -> str:
    """Name what a file holds instead of a model, by its first bytes; empty for a model."""
    if not head:
        return "empty"
    if head.startswith(b"version https://git-lfs"):
        return "pointer"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "page"
    if start.startswith((b"<?xml", b"<error>")):
        return "error"
    binary = name.endswith((".safetensors", ".pt", ".ckpt", ".onnx"))
    if not binary and not name.startswith(("model", "pytorch_model")):
        return ""  # a .bin of another program may hold anything
    if len(head) == 512 and not head.strip(b"\0"):
        return "zeros"
    return "error" if name.endswith(WEIGHTS) and start.startswith((b'{"', b"{'")) else ""


def _length(name: str, head: bytes, content: BinaryIO, size: int) -> str:
    """Judge the length of a file by its own format."""
    if name.endswith(".json"):
        return _json(content, size)
    try:
        if name.endswith(".safetensors"):
            return _unequal(_safetensors(content, size), size)
        if name == "model.bin" and _CTRANSLATE2_SPEC in head:
            return _unequal(_ctranslate2(content), size)
    except (struct.error, ValueError, msgspec.MsgspecError):  # it ends, or is other, where read
        return "cut" if content.read(1) == b"" else "invalid"
    if name.endswith(WEIGHTS) and head.startswith(b"PK\x03\x04"):
        content.seek(max(0, size - _ENDS))
        return "" if b"PK\x05\x06" in content.read() else "cut"
    return ""


def _unequal(expected: int | None, size: int) -> str:
    if expected is None or expected == size:
        return ""
    return "cut" if size < expected else "other"


def _json(content: BinaryIO, size: int) -> str:
    content.seek(0 if size <= _PARSED else size - 64)
    text = content.read()
    whole = text.rstrip().endswith((b"}", b"]"))
    if size > _PARSED:
        return "" if whole else "cut"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":  # that are lines with a document each
            return "invalid" if whole else "cut"
    except UnicodeDecodeError:
        return "invalid"
    return ""


def _safetensors(content: BinaryIO, size: int) -> int:
    """The bytes of a safetensors file, by its header: a length, and JSON with each tensor's end."""
    content.seek(0)
    length: int = struct.unpack("<Q", content.read(8))[0]
    if length > _HEADER:
        content.seek(8)
        raise ValueError("no header of safetensors")
    header = content.read(length)
    if len(header) < length:
        return 8 + length
    tensors = msgspec.json.decode(header, type=dict[str, _Tensor])
    return 8 + length + max((tensor.data_offsets[1] for tensor in tensors.values()), default=0)


def _ctranslate2(content: BinaryIO) -> int | None:
    """The bytes of CTranslate2's model.bin: a list of variables, and one of other names for them.

    None for versions of the format that are not known.
    """
    content.seek(0)

    def number(form: str) -> int:
        (value,) = struct.unpack(form, content.read(struct.calcsize(form)))
        return int(value)

    def skip_text() -> None:
        content.seek(number("<H"), os.SEEK_CUR)

    if number("<I") not in (4, 5, 6):
        return None
    skip_text()  # the name of the model's kind
    number("<I")
    for _ in range(number("<I")):
        skip_text()
        content.seek(4 * number("B") + 1, os.SEEK_CUR)  # dimensions, type
        content.seek(number("<I"), os.SEEK_CUR)
    for _ in range(number("<I")):
        skip_text()
        skip_text()
    return content.tell()
