"""Files that break off: what is still decoded, and whether that is noticed.

Real files of every kind, made with the environment's PyAV and cut at 40 %; WAV files made with
Python's own `wave`, whose header is then changed to what other writers leave there.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from mlenv.speech.workers import truncation
from tests.support.speech import wav


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_a_wav_file_promises_what_its_header_says(tmp_path: Path, share: float) -> None:
    assert truncation.wav_seconds(wav(tmp_path / "a.wav", share=share)) == 10.0


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_the_share_of_a_riff_file_that_is_there(tmp_path: Path, share: float) -> None:
    made = wav(tmp_path / "a.wav", share=share)
    assert truncation.riff_share(made) == pytest.approx(share, abs=0.001)
    assert truncation.riff_share(wav(tmp_path / "a.wav", size=0)) is None


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_the_share_of_a_smaf_file_that_is_there(tmp_path: Path, share: float) -> None:
    data = b"MMMD" + struct.pack(">I", 1000) + bytes(1000)
    (tmp_path / "a.mmf").write_bytes(data[: 8 + int(1000 * share)])
    assert truncation.smaf_share(str(tmp_path / "a.mmf")) == share


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
    assert truncation.smaf_share(str(file)) is None
    assert not truncation.is_open_rf64(str(file))
    assert not truncation.mp4_lacks_index(str(file))
    assert truncation.ogg_breaks_off(str(file)) == (content == b"OggS")


def test_rf64_with_sizes_that_were_never_filled_in(tmp_path: Path) -> None:
    head = b"RF64" + b"\xff" * 4 + b"WAVEds64" + struct.pack("<I", 28)
    (tmp_path / "open").write_bytes(head + bytes(28))
    (tmp_path / "whole").write_bytes(head + struct.pack("<QQQI", 2000, 1920, 960, 0))
    assert truncation.is_open_rf64(str(tmp_path / "open"))
    assert not truncation.is_open_rf64(str(tmp_path / "whole"))
