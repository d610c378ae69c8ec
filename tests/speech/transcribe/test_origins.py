"""--resume takes nothing for done that is not: another recording's, another way, not whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mlenv.speech.transcribe import inputs
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.origins import Origins

TEXTS = {"txt": "words\n", "srt": "1\n"}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.chdir(tmp_path)
    Path("a.wav").write_text("sound")
    (found,) = inputs.expand(["a.wav"])
    return found


def origins(*words: str) -> Origins:
    return Origins(parse(["a.wav", *words]))


def written(source: Source, *words: str, complete: bool = True) -> None:
    for form, text in TEXTS.items():
        Path(f"a.{form}").write_text(text)
    own = origins(*words)
    assert own.write(source, Path("a"), source.state(), TEXTS, complete=complete)


def reason(source: Source, *words: str, formats: str = "txt srt") -> str | None:
    outputs = {form: Path(f"a.{form}") for form in formats.split()}
    return origins(*words).reason(source, Path("a"), outputs)


def test_done_is_what_was_made_from_it_like_this(source: Source) -> None:
    assert reason(source) == "it has no transcript"
    written(source)
    assert reason(source) is None
    assert reason(source, "--device", "cpu", "--threads", "2", "--quiet") is None
    assert reason(source, formats="txt json") == "there is no record of how a.json was made"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "--model tiny.en"),
        ("--model tiny.en", ""),
        ("--language de", "--language de --task translate"),
        ("--diarize", ""),
        ("", "--max-line-width 20"),
        ("--beam-size 5", "--beam-size 1"),
    ],
)
def test_other_options(source: Source, before: str, after: str) -> None:
    written(source, *before.split())
    assert reason(source, *before.split()) is None
    assert reason(source, *after.split()) == "a.txt was made with other options"


def test_a_folders_model_that_was_replaced(source: Source) -> None:
    Path("model").mkdir()
    Path("model/model.bin").write_text("weights")
    written(source, "--model", "./model")
    assert reason(source, "--model", str(Path("model").absolute())) is None
    Path("model/model.bin").write_text("others")
    assert reason(source, "--model", "./model") == "a.txt was made with other options"


def changed(path: Path) -> None:
    times = path.stat().st_mtime_ns
    path.write_text("other")  # of the same size
    os.utime(path, ns=(times, times))  # as `cp -p` and rsync leave it


def grown(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("more")
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("change", [changed, grown, Path.unlink])
def test_a_recording_that_is_not_what_it_was(
    source: Source, change: Callable[[Path], None]
) -> None:
    written(source)
    change(source.file)
    assert reason(source) == "a.txt was made from something else"


def test_a_recording_that_was_copied_or_touched_is_the_same(source: Source) -> None:
    written(source)
    os.utime(source.file)
    assert reason(source) is None
    shutil.copy("a.wav", "b.wav")
    (copy,) = inputs.expand(["b.wav"])
    assert reason(copy) is None


@pytest.mark.parametrize("text", ["", "wor", "my own notes\n"])
def test_an_output_that_is_not_as_it_was_written(source: Source, text: str) -> None:
    written(source)
    Path("a.srt").write_text(text)
    assert reason(source) == "a.srt is not as it was written"
    assert reason(source, formats="txt") is None
    assert origins().own_sha256(Path("a"), "txt", Path("a.txt"))
    assert not origins().own_sha256(Path("a"), "srt", Path("a.srt"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99, "outputs": {}}'])
def test_a_record_that_cannot_be_read(source: Source, text: str) -> None:
    written(source)
    Path(".mlenv/a.json").write_text(text)
    assert reason(source) == "there is no record of how a.txt was made"


def test_what_lacks_something_is_not_done(source: Source) -> None:
    written(source, complete=False)
    assert reason(source) == "something is missing in a.txt"


def test_a_recording_that_changed_while_it_was_read(source: Source) -> None:
    for form, text in TEXTS.items():
        Path(f"a.{form}").write_text(text)
    before = source.state()
    grown(source.file)
    assert not origins().write(source, Path("a"), before, TEXTS, complete=True)
    assert reason(source) == "something is missing in a.txt"


def test_formats_that_are_made_later_are_recorded_beside_the_others(source: Source) -> None:
    written(source)
    Path("a.json").write_text("{}")
    own = origins("--model", "base")
    assert own.write(source, Path("a"), source.state(), {"json": "{}"}, complete=True)
    assert reason(source) is None
    assert reason(source, "--model", "base", formats="json") is None
