"""Real files of every kind that break off, made with the environment's PyAV and cut at 40 %."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.speech import WORKERS, wav

Make = Callable[..., Path]


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
