"""Files of models in the hub's cache: whole ones are silent, and the others are said to be what."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path

import pytest

from mlenv.doctor.facts import files
from mlenv.doctor.facts.model_files import unlike_its_name


def safetensors() -> bytes:
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]},
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(24)


def ctranslate2(version: int = 6) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, 2)
    for name in ("encoder/weight", "decoder/weight"):
        data += text(name) + struct.pack("<BIIBI", 2, 5, 20, 0, 400) + bytes(400)
    return data + struct.pack("<I", 1) + text("decoder/other") + text("decoder/weight")


def torch_archive() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("archive/data/0", bytes(4000))
    return written.getvalue()


TOKENIZER = json.dumps({"vocab": {f"word{number}": number for number in range(90000)}}).encode()
WHOLE = {
    "model.safetensors": safetensors(),
    "model.bin": ctranslate2(),
    "pytorch_model.bin": torch_archive(),
    "weights.ckpt": b"\x80\x02}q\x00." * 100,  # an old pickle: nothing says how long it is
    "config.json": b'{"scale": NaN}\n',
    "tokenizer.json": TOKENIZER,
    "lines.json": b'{"a": 1}\n{"a": 2}\n',
    "vocabulary.txt": b"<unk>\n<s>\n",
    "voice.bin": bytes(2000),  # numbers without a header
    "empty.txt": b"",
    "README.md": b"<html>",
}


def seen(tmp_path: Path, **contents: bytes) -> dict[str, str]:
    """What is said of a snapshot with these files."""
    model = tmp_path / "hub" / "models--me--speech"
    (model / "blobs").mkdir(parents=True)
    (model / "snapshots" / "1").mkdir(parents=True)
    for number, (name, content) in enumerate(contents.items()):
        (model / "blobs" / str(number)).write_bytes(content)
        link = model / "snapshots" / "1" / name
        link.symlink_to(f"../../blobs/{number}")
    partial = files.read({"HF_HUB_CACHE": str(tmp_path / "hub")}, tmp_path, tmp_path).partial
    assert {each.model for each in partial} <= {"me/speech"}
    return {Path(each.file).name: each.what for each in partial}


def test_whole_files_are_silent(tmp_path: Path) -> None:
    assert seen(tmp_path, **WHOLE) == {}


PAGE, POINTER = b"\n<!DOCTYPE html><html>", b"version https://git-lfs.github.com/spec/v1\noid"
REFUSAL = b'{"error": "Access to this model is restricted"}'
BROKEN = {
    "cut weights": ("model.safetensors", safetensors()[:-1], "cut"),
    "a cut header": ("model.safetensors", safetensors()[:40], "cut"),
    "a cut length": ("model.safetensors", safetensors()[:5], "cut"),
    "two downloads in one": ("model.safetensors", safetensors() * 2, "other"),
    "a torch archive by another name": ("model.safetensors", torch_archive(), "invalid"),
    "cut in a variable": ("model.bin", ctranslate2()[:300], "cut"),
    "cut before the last variable's end": ("model.bin", ctranslate2()[:-40], "cut"),
    "cut in the other names": ("model.bin", ctranslate2()[:-10], "cut"),
    "a cut model of version 4": ("model.bin", ctranslate2(4)[:300], "cut"),
    "a cut archive": ("weights.pt", torch_archive()[:-100], "cut"),
    "a cut archive of torch's": ("pytorch_model-00001-of-00002.bin", torch_archive()[:900], "cut"),
    "nothing": ("weights.ckpt", b"", "empty"),
    "no vocabulary": ("vocabulary.txt", b"", "empty"),
    "a page": ("voice.bin", PAGE, "page"),
    "a page as text": ("config.json", PAGE, "page"),
    "an answer in XML": ("model.bin", b'<?xml version="1.0"?><Error>', "error"),
    "a pointer": ("silero.onnx", POINTER, "pointer"),
    "a refusal": ("model.bin", REFUSAL, "error"),
    "zeros": ("model.bin", bytes(2000), "zeros"),
    "a cut text": ("config.json", b'{"a": {"b": 1}, "c', "cut"),
    "a text cut behind a bracket": ("config.json", b'{"a": {"b": 1}', "invalid"),
    "a long text that is cut": ("tokenizer.json", TOKENIZER[:-20], "cut"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_a_broken_file_is(tmp_path: Path, case: str) -> None:
    name, content, what = BROKEN[case]
    assert seen(tmp_path, **{**WHOLE, name: content}) == {name: what}


def test_a_blob_is_called_by_its_hash(tmp_path: Path) -> None:
    content = b"some words"
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    for name in (git, hashlib.sha256(content).hexdigest()):
        blob = tmp_path / name
        blob.write_bytes(content)
        assert not unlike_its_name(blob)
        blob.write_bytes(b"some wordz")
        assert unlike_its_name(blob)
    other = tmp_path / "etag-of-a-mirror"
    other.write_bytes(content)
    assert not unlike_its_name(other)
