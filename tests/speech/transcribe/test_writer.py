"""A run that is ended while it writes leaves nothing that is later taken for another's."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from mlenv import files
from mlenv.speech.transcribe import inputs
from mlenv.speech.transcribe.events import Finished
from mlenv.speech.transcribe.folder import LocalFolder
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.origins import Origins
from mlenv.speech.transcribe.outputs import plan
from mlenv.speech.transcribe.transcript import Transcript
from mlenv.speech.transcribe.writer import Writer, Written


class Killed(BaseException):
    """The end of a process."""


def transcript(text: str) -> Transcript:
    return {
        "path": "a.wav",
        "text": text,
        "language": "en",
        "language_probability": None,
        "duration": 1.0,
        "segments": [
            {
                "start": 0.0,
                "end": 1.0,
                "text": text,
                "speaker": None,
                "words": [],
                "channel": None,
            }
        ],
        "speakers": [],
        "turns": [],
        "timings": {},
        "warnings": [],
    }


def write(text: str, *words: str) -> Written:
    """One run that writes `out/a.txt` and `out/a.json`."""
    options = parse(["a.wav", "-f", "txt,json", "-o", "out", *words])
    sources, origins = inputs.expand(["a.wav"]), Origins(options)
    outputs = plan(sources, LocalFolder(Path("out").absolute()), options.formats, origins)
    writer = Writer(options, outputs, origins)
    return writer.write(Finished(sources[0], transcript(text), None, sources[0].state()))


def there() -> dict[str, str]:
    return {path.name: path.read_text() for path in Path("out").iterdir() if path.is_file()}


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("last", range(4))
def test_killed_after_each_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int, earlier: bool
) -> None:
    """`last`: the write that is not done any more. `earlier`: there is an older transcript."""
    monkeypatch.chdir(tmp_path)
    Path("a.wav").write_text("sound")
    if earlier:
        write("older", "--beam-size", "2")
    counter, write_one = itertools.count(), files.write_atomically

    def until_killed(path: Path, content: str) -> None:
        if next(counter) == last:
            raise Killed
        write_one(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_atomically", until_killed)
        try:
            write("words")
            assert last == 3
        except Killed:
            assert last < 3
    written = write("the words anew")  # another's times are in it, say
    assert written.kept == ()
    assert sorted(there()) == ["a.json", "a.txt"]
    assert there()["a.txt"] == "the words anew\n"


def test_what_is_somebody_elses_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.wav").write_text("sound")
    Path("out").mkdir()
    Path("out/a.txt").write_text("by hand")
    assert [path.name for path in write("words").kept] == ["a.txt.old"]
    Path("out/a.txt").write_text("corrected")
    assert [path.name for path in write("words").kept] == ["a.txt.old2"]
    found = there()
    del found["a.json"]
    assert found == {"a.txt": "words\n", "a.txt.old": "by hand", "a.txt.old2": "corrected"}
