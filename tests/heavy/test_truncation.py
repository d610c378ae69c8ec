"""Real files of every kind that break off, made with ffmpeg and cut at 40 %."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.recordings import codes, decoded
from tests.support.speech import wav

pytestmark = pytest.mark.heavy
Make = Callable[..., Path]


def lengths(venv: Path, *paths: Path) -> list[list[Any]]:
    """[seconds, seconds that it should last if it breaks off] of each file."""
    found: list[list[Any]] = []
    for file in decoded(venv, *paths):
        assert codes(file) in ([], ["truncated"])
        promised = file["warnings"][0]["end"] or math.inf if file["warnings"] else None
        found.append([file["duration"], promised])
    return found


def cut(path: Path) -> Path:
    data = path.read_bytes()
    made = path.with_name(f"cut-{path.name}")
    made.write_bytes(data[: len(data) * 4 // 10])
    return made


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.mkv", "a.webm", "fast.m4a"])
def test_a_file_that_breaks_off_gives_what_it_holds_and_says_how_long_it_was(
    name: str, real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    first = ("--option", "movflags=faststart") if name == "fast.m4a" else ()  # the index, first
    whole = make_audio(tmp_path / name, "--seconds", "20", *first)
    (seconds, truncated), (left, should) = lengths(real_venv, whole, cut(whole))
    assert (seconds, truncated) == (pytest.approx(20.0, abs=0.3), None)
    assert left == pytest.approx(8.0, abs=1.5)
    assert should == pytest.approx(20.0, abs=0.3)


@pytest.mark.parametrize("name, codec", [("a.ogg", "libopus"), ("b.ogg", "libvorbis")])
def test_ogg_is_known_to_break_off_but_not_how_long_it_was(
    name: str, codec: str, real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    whole = make_audio(tmp_path / name, "--seconds", "20", "--codec", codec, "--rate", "48000")
    (seconds, truncated), (left, should) = lengths(real_venv, whole, cut(whole))
    assert (seconds, truncated) == (pytest.approx(20.0, abs=0.3), None)
    assert left == pytest.approx(8.0, abs=1.5)
    assert should == float("inf")


def test_mp3_without_a_xing_header_gives_what_it_holds(
    real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    """It has no length anywhere, and every frame stands alone: nothing can be missed."""
    bare = make_audio(tmp_path / "a.mp3", "--seconds", "20", "--option", "write_xing=0")
    assert b"Xing" not in bare.read_bytes() and b"Info" not in bare.read_bytes()
    assert lengths(real_venv, cut(bare)) == [[pytest.approx(8.0, abs=0.5), None]]


def test_mp4_without_its_index_is_one_plain_error(
    real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    index_last = make_audio(tmp_path / "a.m4a", "--seconds", "20")
    message = (
        "can't be decoded: it breaks off before its index (`moov`), "
        "without which nothing is found in it"
    )
    broken = {"code": "audio-undecodable", "message": message}
    assert decoded(real_venv, cut(index_last)) == [broken]


@pytest.mark.parametrize(
    "name, said", [("a.wav", r"it should last 10\.0 s"), ("a.ogg", "its end is missing")]
)
def test_one_line_of_warning_and_the_words_that_are_there(
    name: str, said: str, transcribe: Make, make_audio: Make, tmp_path: Path
) -> None:
    broken = cut(make_audio(tmp_path / name, "--seconds", "10"))
    for command in ("transcribe", "diarize"):
        done: Any = transcribe(broken, "--quiet", command=command)
        assert done.returncode == (1 if name == "a.wav" else 0), done.stderr
        (line,) = [line for line in done.stderr.splitlines() if "breaks off" in line]
        pattern = rf"warning: .*cut-{name} breaks off: {said}, [34]\.\d s of it can be decoded"
        assert re.fullmatch(pattern, line)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_streamed_wav_is_whole(size: int, real_venv: Path, tmp_path: Path) -> None:
    wav(tmp_path / "a.wav", size=size)
    assert lengths(real_venv, tmp_path / "a.wav") == [[pytest.approx(10.0, abs=0.01), None]]


def test_rf64_is_read_whole_also_where_its_sizes_were_left_open(
    real_venv: Path, make_audio: Make, tmp_path: Path
) -> None:
    whole = make_audio(tmp_path / "a.wav", "--seconds", "20", "--option", "rf64=always")
    data = bytearray(whole.read_bytes())
    assert data[:4] == b"RF64"
    data[20:36] = bytes(16)
    (tmp_path / "open.wav").write_bytes(data)
    found = lengths(real_venv, whole, tmp_path / "open.wav", cut(whole))
    assert [seconds for seconds, _ in found] == pytest.approx([20.0, 20.0, 8.0], abs=0.3)
    assert [truncated for _, truncated in found] == [None, None, pytest.approx(20.0, abs=0.3)]
