"""Files that break off: what is still decoded, and whether that is noticed.

Real files of every kind, made with the environment's PyAV and cut at 40 %; WAV files made with
Python's own `wave`, whose header is then changed to what other writers leave there.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlenv.speech.workers import truncation
from tests.support.speech import WORKERS

Make = Callable[..., Path]


def wav(path: Path, *, seconds: float = 10.0, size: int | None = None, share: float = 1.0) -> str:
    """8 kHz mono, `size` in the header where it is not the true one, `share` of it there."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(int(seconds * 8000) * 2))
    data = bytearray(path.read_bytes())
    begin = data.index(b"data") + 4
    if size is not None:
        data[begin : begin + 4] = struct.pack("<I", size)
    path.write_bytes(data[: int(len(data) * share)])
    return str(path)


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_a_wav_file_promises_what_its_header_says(tmp_path: Path, share: float) -> None:
    assert truncation.wav_seconds(wav(tmp_path / "a.wav", share=share)) == 10.0


def test_chunks_before_the_sound_are_passed_over(tmp_path: Path) -> None:
    data = Path(wav(tmp_path / "a.wav")).read_bytes()
    odd = b"LIST" + struct.pack("<I", 3) + b"abc" + b"\0"  # padded to an even number of bytes
    (tmp_path / "b.wav").write_bytes(data[:36] + odd + data[36:])
    assert truncation.wav_seconds(str(tmp_path / "b.wav")) == 10.0


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFF - 36, 0x7FFFF000, 0x80000000])
def test_a_wav_file_written_as_a_stream_promises_nothing(tmp_path: Path, size: int) -> None:
    assert truncation.wav_seconds(wav(tmp_path / "a.wav", size=size)) is None


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata", b"OggS", b"x" * 99]
)
def test_other_files_are_nothing_to_say_of(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a"
    file.write_bytes(content)
    assert truncation.wav_seconds(str(file)) is None
    assert not truncation.is_open_rf64(str(file))
    assert not truncation.mp4_lacks_index(str(file))
    assert truncation.ogg_breaks_off(str(file)) == (content == b"OggS")


def test_rf64_with_sizes_that_were_never_filled_in(tmp_path: Path) -> None:
    head = b"RF64" + b"\xff" * 4 + b"WAVEds64" + struct.pack("<I", 28)
    (tmp_path / "open").write_bytes(head + bytes(28))
    (tmp_path / "whole").write_bytes(head + struct.pack("<QQQI", 2000, 1920, 960, 0))
    assert truncation.is_open_rf64(str(tmp_path / "open"))
    assert not truncation.is_open_rf64(str(tmp_path / "whole"))


DECODE = """
import json, sys
from mlenv_workers.audio import RATE, Undecodable, decode
for path in sys.argv[1:]:
    try:
        samples, truncated = decode(path)
        print(json.dumps([len(samples) / RATE, truncated]))
    except Undecodable as error:
        print(json.dumps([error.code, str(error)]))
"""


def decoded(venv: Path, *paths: Path) -> list[list[Any]]:
    """[seconds, what they should be if it breaks off] of each file, or [code, message]."""
    argv = [venv / "bin" / "python", "-c", WORKERS + DECODE, *paths]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def cut(path: Path) -> Path:
    data = path.read_bytes()
    made = path.with_name(f"cut-{path.name}")
    made.write_bytes(data[: len(data) * 4 // 10])
    return made


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.mkv", "a.webm", "fast.m4a"])
def test_a_file_that_breaks_off_gives_what_it_holds_and_says_how_long_it_was(
    name: str, real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    first = ("--option", "movflags=faststart") if name == "fast.m4a" else ()  # the index, first
    whole = make_audio(tmp_path / name, "--seconds", "20", *first)
    (seconds, truncated), (left, should) = decoded(real_venv, whole, cut(whole))
    assert (seconds, truncated) == (pytest.approx(20.0, abs=0.3), None)
    assert left == pytest.approx(8.0, abs=1.5)
    assert should == pytest.approx(20.0, abs=0.3)


@pytest.mark.heavy
@pytest.mark.parametrize("name, codec", [("a.ogg", "libopus"), ("b.ogg", "libvorbis")])
def test_ogg_is_known_to_break_off_but_not_how_long_it_was(
    name: str, codec: str, real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    whole = make_audio(tmp_path / name, "--seconds", "20", "--codec", codec, "--rate", "48000")
    (seconds, truncated), (left, should) = decoded(real_venv, whole, cut(whole))
    assert (seconds, truncated) == (pytest.approx(20.0, abs=0.3), None)
    assert left == pytest.approx(8.0, abs=1.5)
    assert should == float("inf")


@pytest.mark.heavy
def test_mp3_without_a_xing_header_gives_what_it_holds(
    real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    """It has no length anywhere, and every frame stands alone: nothing can be missed."""
    bare = make_audio(tmp_path / "a.mp3", "--seconds", "20", "--option", "write_xing=0")
    assert b"Xing" not in bare.read_bytes() and b"Info" not in bare.read_bytes()
    assert decoded(real_venv, cut(bare)) == [[pytest.approx(8.0, abs=0.5), None]]


@pytest.mark.heavy
def test_mp4_without_its_index_is_one_plain_error(
    real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    index_last = make_audio(tmp_path / "a.m4a", "--seconds", "20")
    ((code, message),) = decoded(real_venv, cut(index_last))
    assert code == "audio-undecodable"
    assert message == (
        "can't be decoded: it breaks off before its index (`moov`), "
        "without which nothing is found in it"
    )


@pytest.mark.heavy
@pytest.mark.parametrize(
    "name, said", [("a.wav", r"it should last 10\.0 s"), ("a.ogg", "its end is missing")]
)
def test_one_line_of_warning_and_the_words_that_are_there(
    name: str, said: str, transcribe: Make, make_audio: Make, tmp_path: Path
) -> None:
    broken = cut(make_audio(tmp_path / name, "--seconds", "10"))
    for command in ("transcribe", "diarize"):
        done: Any = transcribe(broken, command=command)
        assert done.returncode == 0, done.stderr
        (line,) = [line for line in done.stderr.splitlines() if "breaks off" in line]
        pattern = rf"warning: .*cut-{name} breaks off: {said}, [34]\.\d s of it can be decoded"
        assert re.fullmatch(pattern, line)


@pytest.mark.heavy
@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_streamed_wav_is_whole(size: int, real_venv: Path, tmp_path: Path) -> None:
    wav(tmp_path / "a.wav", size=size)
    assert decoded(real_venv, tmp_path / "a.wav") == [[pytest.approx(10.0, abs=0.01), None]]


@pytest.mark.heavy
def test_rf64_is_read_whole_also_where_its_sizes_were_left_open(
    real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    whole = make_audio(tmp_path / "a.wav", "--seconds", "20", "--option", "rf64=always")
    data = bytearray(whole.read_bytes())
    assert data[:4] == b"RF64"
    data[20:36] = bytes(16)
    (tmp_path / "open.wav").write_bytes(data)
    found = decoded(real_venv, whole, tmp_path / "open.wav", cut(whole))
    assert [seconds for seconds, _ in found] == pytest.approx([20.0, 20.0, 8.0], abs=0.3)
    assert [truncated for _, truncated in found] == [None, None, pytest.approx(20.0, abs=0.3)]
