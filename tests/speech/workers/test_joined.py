"""Files that are joined to the end of another."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from mlenv.speech.workers import joined, truncation


def wav(path: Path, seconds: float) -> bytes:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(b"\1\2" * int(8000 * seconds))
    return path.read_bytes()


def test_the_next_file_of_the_same_kind(tmp_path: Path) -> None:
    one, two = wav(tmp_path / "1.wav", 100), wav(tmp_path / "2.wav", 1)
    both = tmp_path / "both.wav"
    both.write_bytes(one + two + one)
    second = joined.next_file(str(both), 0, 1000)
    assert second == len(one)
    assert joined.next_file(str(both), second, second + 1) == len(one) + len(two)
    assert joined.next_file(str(both), 0, len(one) + len(two) + 1) is None
    with joined.Tail(str(both), second) as tail:
        assert tail.read(12) == two[:12]
        assert (tail.tell(), tail.seek(-4, 2)) == (12, len(two) + len(one) - 4)
        assert (tail.seek(4), tail.read(4)) == (4, two[4:8])


def test_other_kinds_and_files_without_a_beginning_are_passed_over(tmp_path: Path) -> None:
    for name, data in (
        ("a", wav(tmp_path / "1.wav", 1) + b"OggS\0\2"),
        ("b", b"x" * 99),
        ("c", b""),
    ):
        (tmp_path / name).write_bytes(data)
        assert joined.next_file(str(tmp_path / name), 0, 0) is None


SOUND = b"\5\0\x90\xff" * 1000
CHUNK = b"LIST\x04\0\0\0INFO"


@pytest.mark.parametrize(
    "behind, goes_on",
    [
        (b"", False),
        (SOUND, True),
        (SOUND[:1000], False),
        (bytes(90_000), False),
        (CHUNK + b"bext" + bytes(4000), False),
        (b"\0" + CHUNK + bytes(4000), False),
        (b"RIFF" + SOUND, False),
    ],
)
def test_sound_behind_what_the_header_promises(
    behind: bytes, goes_on: bool, tmp_path: Path
) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(wav(file, 2.0) + behind)
    assert truncation.wav_goes_on(str(file)) == (2.0 if goes_on else None)
