"""Which files are meant, and where their transcripts go."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from mlenv.result import MlenvError
from mlenv.speech.transcribe import inputs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.wav", "B.MP3", "notes.txt", "deep/c.m4a", "deep/deeper/d.ogg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(*words: str, recursive: bool = False) -> list[str]:
    return [source.shown for source in inputs.expand(words, recursive=recursive)]


def test_a_folder_gives_its_audio_and_video(folder: Path) -> None:
    assert shown(".") == ["B.MP3", "a.wav"]


def test_recursive_looks_below(folder: Path) -> None:
    assert shown(".", recursive=True) == ["B.MP3", "a.wav", "deep/c.m4a", "deep/deeper/d.ogg"]


def test_patterns(folder: Path) -> None:
    assert shown("*.wav") == ["a.wav"]
    assert shown("**/*.ogg") == ["deep/deeper/d.ogg"]


def test_a_file_named_by_itself_may_be_called_anything(folder: Path) -> None:
    assert shown("notes.txt") == ["notes.txt"]


def test_a_file_whose_name_looks_like_a_pattern(folder: Path) -> None:
    (folder / "take [1].wav").write_bytes(b"x")
    assert shown("take [1].wav") == ["take [1].wav"]


def test_each_file_once(folder: Path) -> None:
    assert shown("a.wav", ".", "*.wav") == ["a.wav", "B.MP3"]


def test_nothing_to_do_is_wrong_usage(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(MlenvError) as caught:
        inputs.expand(["empty"], recursive=False)
    assert (caught.value.code, caught.value.exit_code) == ("no-audio", 2)
    assert "empty" in caught.value.message


def test_bytes_that_are_no_text_can_be_shown(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    Path(name).write_bytes(b"x")
    assert shown(name) == ["caf�.wav"]
    assert inputs.expand([name], recursive=False)[0].file.is_file()


def test_standard_input_becomes_a_file() -> None:
    source = inputs.spooled(io.BytesIO(b"RIFF"))
    assert (source.file.read_bytes(), source.shown, source.place) == (b"RIFF", "-", Path("stdin"))
