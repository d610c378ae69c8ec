"""Where transcripts go: one recording each, and the same name on every run."""

from __future__ import annotations

import io
import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlenv.result import MlenvError
from mlenv.speech.transcribe import inputs
from mlenv.speech.transcribe.folder import LocalFolder
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.origins import Origins
from mlenv.speech.transcribe.outputs import plan


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    return tmp_path


def sources(*names: str, recursive: bool = False) -> list[Source]:
    """Recordings of that name, each with its own content unless it is there."""
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(name)
    return inputs.survey(names, recursive=recursive).sources


def planned(found: Sequence[Source], form: str = "txt", directory: str = "out") -> list[str]:
    """Outputs of a call with these sources, below the output directory."""
    place = Path(directory).absolute()
    outputs = plan(found, LocalFolder(place), [form], Origins(parse(["-"])))
    return [str(each.by_format[form].relative_to(place)) for each in outputs.values()]


def transcribed(*names: str) -> list[str]:
    """Plan a call and record it as done; returns the outputs."""
    found, origins = sources(*names), Origins(parse(["-"]))
    outputs = plan(found, LocalFolder(Path("out").absolute()), ["txt"], origins)
    for source, each in outputs.items():
        each.by_format["txt"].write_text(source.shown)
        texts = {"txt": source.shown}
        assert origins.write(source, each.stem, source.state(), texts, complete=True)
    return [each.by_format["txt"].name for each in outputs.values()]


def test_the_folders_below_are_kept() -> None:
    sources("in/a.wav", "in/B.MP3", "in/deep/c.m4a", "in/deep/deeper/d.ogg")
    found = inputs.survey(["in"], recursive=True).sources
    assert planned(found, "srt") == ["B.srt", "a.srt", "deep/c.srt", "deep/deeper/d.srt"]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("talk.m4a", "talk.txt"),
        ("Talk.MP3", "Talk.txt"),
        ("Dr. Smith interview", "Dr. Smith interview.txt"),
        ("1.1 Lesson one", "1.1 Lesson one.txt"),
        ("2024.01.05", "2024.01.05.txt"),
        ("talk", "talk.txt"),
        ("notes.txt", "notes.txt.txt"),
        (".wav", ".wav.txt"),
        ("a.tar.wav", "a.tar.txt"),
        ("e" * 251 + ".wav", "e" * 241 + "~f1f4d0be.txt"),
        ("ä" * 125 + ".wav", "ä" * 125 + ".txt"),
    ],
)
def test_names(name: str, output: str) -> None:
    (found,) = planned(sources(name))
    if "~" in output:
        head, _, _ = output.partition("~")
        assert found.startswith(head)
        assert len(found) == 254
    else:
        assert found == output
    assert len(os.fsencode(Path(found).name)) <= 255


def test_long_names_are_cut_between_characters_and_stay_apart() -> None:
    long = ["は" * 84 + "a" + ".w", "は" * 84 + "b" + ".w"]
    first, second = planned(sources(*long), "json")
    assert first != second
    for name in (first, second):
        assert len(name.encode()) <= 255
        assert name.startswith("は" * 80)


def test_of_one_stem_both_keep_their_suffix() -> None:
    assert planned(sources("a.wav", "a.mp3")) == ["a.wav.txt", "a.mp3.txt"]


def test_names_are_the_same_on_every_run() -> None:
    assert transcribed("a.wav") == ["a.txt"]
    assert transcribed("a.mp3") == ["a.mp3.txt"]
    assert transcribed("a.wav", "a.mp3") == ["a.txt", "a.mp3.txt"]
    assert transcribed("b.wav", "b.mp3") == ["b.wav.txt", "b.mp3.txt"]
    assert transcribed("b.wav") == ["b.wav.txt"]
    assert transcribed("b.mp3") == ["b.mp3.txt"]


def test_another_folders_recording_of_the_name_of_an_earlier_one() -> None:
    assert transcribed("mon/a.wav") == ["a.txt"]
    assert transcribed("tue/a.wav") == ["a.wav.txt"]
    assert transcribed("mon/a.wav") == ["a.txt"]
    Path("out/wed").mkdir()
    assert transcribed("wed/a.wav") == ["a.txt"]
    assert Path("out/wed/a.txt").read_text() == "wed/a.wav"
    assert planned(sources("mon/a.wav", "wed/a.wav")) == ["a.txt", "wed/a.txt"]
    with pytest.raises(MlenvError) as caught:
        planned(sources("other/wed/a.wav"))
    assert (caught.value.code, caught.value.exit_code) == ("output-clash", 2)
    assert caught.value.message.endswith("out/wed/a.txt, which is another recording's.")


def test_a_recording_that_has_moved_keeps_its_transcript() -> None:
    assert transcribed("new/a.wav") == ["a.txt"]
    Path("new").rename("archive")
    assert planned(sources("archive/a.wav")) == ["a.txt"]


def test_two_that_would_overwrite_each_other_are_refused() -> None:
    with pytest.raises(MlenvError) as caught:
        planned(sources("a.wav", "deep/a.wav", "b/deep/a.wav"))
    assert caught.value.code == "output-clash"
    both = "deep/a.wav and b/deep/a.wav would both be written to "
    assert both in caught.value.message


def test_two_of_one_name_go_into_folders_of_their_own() -> None:
    found = sources("mon/a.wav", "tue/a.wav")
    assert planned(found) == ["a.wav.txt", "tue/a.txt"]
    assert planned(found[::-1]) == ["a.wav.txt", "mon/a.txt"]


def test_one_file_under_two_names_is_done_once() -> None:
    sources("in/a.wav")
    Path("s1").symlink_to("in")
    Path("s2").mkdir()
    Path("s2/a.wav").symlink_to("../in/a.wav")
    assert planned(sources("in/../in/a.wav", "in/a.wav", "s1/a.wav", "s2/a.wav")) == ["a.txt"]
    Path("b.wav").symlink_to("in/a.wav")
    assert planned(sources("in/a.wav", "b.wav")) == ["a.txt", "b.txt"]


def test_no_recording_is_an_output() -> None:
    folder = Path.cwd().name
    found = sources("talk", "talk.txt")
    assert planned(found, directory=".") == [f"{folder}/talk.txt", "talk.txt.txt"]
    assert planned(sources("call.wav", "call.txt"), directory=".") == [
        "call.wav.txt",
        "call.txt.txt",
    ]


def test_accents_in_both_forms_stay_apart() -> None:
    names = [unicodedata.normalize(form, "é.wav") for form in ("NFC", "NFD")]
    assert planned(sources(*names)) == [name.replace("wav", "txt") for name in names]


def test_a_file_system_that_takes_capital_letters_for_small_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Path.exists
    is_there = {path.name.casefold() for path in Path("out").iterdir()}

    def exists(path: Path, **options: bool) -> bool:
        is_there.update(each.name.casefold() for each in Path("out").iterdir())
        return path.name.casefold() in is_there if path.parent.name == "out" else real(path)

    found = sources("a.wav", "A.wav", "b.wav", "B.mp3")
    assert planned(found) == ["a.txt", "A.txt", "b.txt", "B.txt"]
    monkeypatch.setattr(Path, "exists", exists)
    assert planned(found[2:]) == ["b.wav.txt", "B.mp3.txt"]
    folder = Path.cwd().name
    assert planned(found[:2]) == ["a.wav.txt", f"{folder}/A.txt"]


def test_standard_input() -> None:
    (source,) = inputs.expand(["-"])
    assert planned([inputs.spooled(source, io.BytesIO(b"RIFF"))]) == ["stdin.txt"]
