"""Addresses of recordings and of transcripts: no secret is kept, --resume knows what is done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlenv.fleet.ray import addresses, object_server
from mlenv.fleet.ray.addresses import Objects, RemoteSource, shown
from mlenv.fleet.ray.remote_folder import RemoteFolder
from mlenv.result import MlenvError
from mlenv.speech.transcribe import inputs, names
from mlenv.speech.transcribe.events import Finished
from mlenv.speech.transcribe.inputs import Survey
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.origins import Origins
from mlenv.speech.transcribe.outputs import plan
from mlenv.speech.transcribe.writer import Writer


class Process:
    """The process of the environment, in this one."""

    def __init__(self, *_: object) -> None:
        self.asked: list[str] = []

    def send(self, request: dict[str, Any]) -> None:
        self.asked.append(request["do"])
        self._answer = object_server.answer(json.loads(json.dumps(request)))

    def receive(self) -> dict[str, Any]:
        return dict(json.loads(json.dumps(self._answer)))

    def close(self) -> None: ...


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Objects:
    monkeypatch.setattr(addresses, "EnvironmentProcess", Process)
    return Objects(Path("/venv"))


def survey(objects: Objects, *words: str, recursive: bool = True) -> Survey:
    def local(near: Any) -> Survey:
        return inputs.survey(near, recursive=recursive)

    return addresses.surveyed(words, objects, local, recursive=recursive)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "day 1/b.wav", "day 1/notes.txt", ".mlenv/c.wav"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return f"file://{tmp_path}/in"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://bucket/talk.wav", "s3://bucket/talk.wav"),
        ("ftp://me:secret@host/talk.wav", "ftp://host/talk.wav"),
        ("https://host/a.wav?X-Amz-Signature=secret&X-Amz-Date=1", "https://host/a.wav"),
        ("https://host/a.wav?sv=1&sig=secret&se=2", "https://host/a.wav"),
        ("https://host/get?id=1&token=secret", "https://host/get~d9fc91d4"),
        ("https://host/get?id=2&token=secret", "https://host/get~25d0c83e"),
        ("zip://a.wav::sftp://me:secret@host/x.zip", "zip://a.wav::sftp://host/x.zip"),
        ("s3://bucket/what?.wav", "s3://bucket/what?.wav"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, expected: str) -> None:
    assert shown(address) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("s3://bucket/a.wav", True),
        ("zip://a.wav::s3://bucket/x.zip", True),
        ("simplecache::s3://bucket/a.wav", True),
        ("C://talk.wav", False),
        ("talk::part.wav", False),
        ("a.wav", False),
    ],
)
def test_addresses_are_told_from_names(word: str, expected: bool) -> None:
    assert names.is_address(word) is expected


def test_a_file_of_that_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s3:").mkdir()
    Path("s3:/a.wav").write_text("sound")
    assert not names.is_address("s3://a.wav")


def test_recordings_at_an_address_and_here(archive: str, objects: Objects) -> None:
    Path("near.wav").write_text("sound")
    found = survey(objects, archive, "near.wav", f"{archive}/a.wav")
    assert [(str(each.place), each.shown) for each in found.sources] == [
        ("near.wav", "near.wav"),
        ("a.wav", f"{archive}/a.wav"),
        ("day 1/b.wav", f"{archive}/day 1/b.wav"),
    ]
    assert found.passed_over == {".txt": 1}
    flat = survey(objects, archive, recursive=False)
    assert [each.shown for each in flat.sources] == [f"{archive}/a.wav"]
    assert flat.below == [f"{archive}/.mlenv/", f"{archive}/day 1/"]


def test_what_leads_to_nothing_is_a_problem_of_its_own(archive: str, objects: Objects) -> None:
    found = survey(objects, f"{archive}/none.wav", f"{archive}/*.mp3", f"{archive}/a.wav")
    assert [(each.code, each.message) for each in found.problems] == [
        ("audio-missing", f"{archive}/none.wav does not exist."),
        ("no-audio", f"No file matches {archive}/*.mp3."),
    ]
    assert len(found.sources) == 1


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        ({"code": "no-package", "text": "the package s3fs is missing", "package": "s3fs"},
         "s3://bucket/a can't be used: the package s3fs is missing.",
         "`mlenv add s3fs` puts it into the environment, of each node too."),
        ({"code": "no-credentials", "text": "Unable to locate credentials", "package": ""},
         "s3://bucket/a can't be used: Unable to locate credentials.",
         "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
         "where mlenv and each node of Ray are started."),
        ({"code": "unreachable", "text": "https://me:secret@host/a?sig=secret is away",
          "package": ""},
         "s3://bucket/a can't be used: https://***@host/a?*** is away.", ""),
    ],
)  # fmt: skip
def test_what_is_in_the_way_ends_the_run_in_words(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, answer: dict[str, str], message: str,
    hint: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(object_server, "answer", lambda _: answer)
    with pytest.raises(MlenvError) as caught:
        objects.ask("read", "s3://bucket/a")
    monkeypatch.setattr(object_server, "answer", lambda _: {"result": [answer]})
    assert (caught.value.message, caught.value.hint) == (message, hint)
    if answer["code"] == "unreachable":  # another recording may be reached
        assert survey(objects, "s3://bucket/a").problems[0].code == "audio-unreadable"
    else:
        with pytest.raises(MlenvError):
            survey(objects, "s3://bucket/a")


def done(objects: Objects, address: str, text: str, *words: str) -> list[str | None]:
    """Write a transcript of each recording there that has none; the reasons for that."""
    options = parse([address, "--engine=ray", "-o", "out", *words])
    sources = survey(objects, address).sources
    folder = RemoteFolder(f"{address.rpartition('/')[0]}/out", objects)
    folder.check()
    origins = Origins(options, folder)
    outputs = plan(sources, folder, ["txt"], origins)
    writer = Writer(options, outputs, origins, folder)
    transcript: Any = {
        "path": "",
        "text": text,
        "segments": [],
        "turns": [],
        "language": "en",
        "duration": 1.0,
    }
    transcript["segments"] = [{"start": 0, "end": 1, "text": text, "speaker": None, "words": []}]
    reasons = []
    for source in sources:
        stem = outputs[source].stem
        reasons.append(origins.reason(source, stem, outputs[source].by_format))
        if reasons[-1]:
            origins.take(source, source.sha256() or "")
            written = writer.write(Finished(source, transcript, None, source.state()))
            assert written.unchanged
            assert folder.shown(written.paths[0]).startswith("file://")
    return reasons


def test_a_second_run_goes_on_where_the_first_stopped(
    archive: str, objects: Objects, tmp_path: Path
) -> None:
    assert done(objects, archive, "words") == ["it has no transcript"] * 2
    assert (tmp_path / "out" / "day 1" / "b.txt").read_text() == "words\n"
    record = json.loads((tmp_path / "out" / ".mlenv" / "a.json").read_text())
    origin = record["outputs"]["txt"]
    assert origin["recording"] == f"{archive}/a.wav"
    assert (origin["size"], len(origin["sha256"])) == (5, 64)
    assert origin["mark"].startswith("mtime=")
    assert done(objects, archive, "others") == [None, None]
    (tmp_path / "in" / "a.wav").write_text("new")
    (tmp_path / "out" / "day 1" / "b.txt").write_text("mine")
    assert done(objects, archive, "others") == [
        "a.txt was made from something else",
        "b.txt is not as it was written",
    ]
    assert (tmp_path / "out" / "day 1" / "b.txt.old").read_text() == "mine"
    assert done(objects, archive, "others", "--language=de") == [
        "a.txt was made with other options",
        "b.txt was made with other options",
    ]


def test_the_same_content_at_a_new_time_is_done(
    archive: str, objects: Objects, tmp_path: Path
) -> None:
    done(objects, archive, "words")
    copy = tmp_path / "in" / "copy"
    copy.write_text("a.wav")
    copy.rename(tmp_path / "in" / "a.wav")
    assert done(objects, archive, "others") == [None, None]


def test_nothing_leads_out_of_the_output_directory(objects: Objects) -> None:
    for name in ("../../etc/a.wav", "%2e%2e/a.wav", "/etc/a.wav"):
        place = addresses._place(name, "https://host", is_tree=True)
        assert ".." not in place.parts
        assert not place.is_absolute()


def test_an_address_where_nothing_can_be_written(objects: Objects) -> None:
    with pytest.raises(MlenvError) as caught:
        RemoteFolder("memory://out", objects).check()
    assert caught.value.message == (
        "Nothing can be written to memory://out: no file can be put in the place of another there."
    )


def test_a_source_without_a_mark_is_known_by_its_content_alone(archive: str) -> None:
    source = RemoteSource(Path("/x"), "x", Path("x"), seen=inputs.State(5, 0, 0))
    assert source.state() is None
