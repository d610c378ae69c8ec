"""What is said of a file when it is through, and when it counts as failed all the same."""

from __future__ import annotations

from pathlib import Path

from mlenv.result import Problem
from mlenv.speech.transcribe.events import Warned
from mlenv.speech.transcribe.inputs import Source
from mlenv.speech.transcribe.options import parse
from mlenv.speech.transcribe.pending import Unfinished
from mlenv.speech.transcribe.transcript import FileWarning, segment_of


def unfinished(file: Path) -> Unfinished:
    file.write_bytes(bytes(1000))
    source = Source(file, "talk.wav", Path("talk.wav"))
    return Unfinished(source, parse(["talk.wav"]), duration=10.0, before=source.state())


def test_warnings_reach_the_terminal_and_the_transcript_with_the_name(tmp_path: Path) -> None:
    file = unfinished(tmp_path / "a")
    lost: FileWarning = {"code": "gap", "message": "holds no sound", "start": 1.0, "end": 2.0}
    assert list(file.warn([lost])) == [Warned(file.source, "talk.wav holds no sound")]
    assert file.transcript({})["warnings"] == [{**lost, "message": "talk.wav holds no sound"}]


def test_no_speech_is_said_unless_there_are_words_or_turns(tmp_path: Path) -> None:
    file = unfinished(tmp_path / "a")
    assert [warning["code"] for warning in file.last_warnings()] == ["no-speech"]
    file.turns = [{"start": 0.0, "end": 1.0, "speaker": "A"}]
    assert list(file.last_warnings()) == []
    assert file.shortfall() is None


def test_channels_without_speech_are_named(tmp_path: Path) -> None:
    file = unfinished(tmp_path / "a")
    file.silent = [1, 2]
    assert [each["message"] for each in file.last_warnings()] == [
        "holds no speech that could be heard"
    ]
    file.segments.append(
        {"start": 0.0, "end": 1.0, "text": "Good day.", "speaker": None, "words": []}
    )
    file.silent = [2]
    assert [each["message"] for each in file.last_warnings()] == [
        "holds no speech that could be heard on channel 2"
    ]
    file.silent = [2, 4]
    assert [each["message"] for each in file.last_warnings()] == [
        "holds no speech that could be heard on channels 2, 4"
    ]


def test_a_number_of_speakers_that_is_not_met_is_said_and_fails(tmp_path: Path) -> None:
    file = unfinished(tmp_path / "a")
    file.unmet = "has 1 speaker"
    assert [warning["code"] for warning in file.last_warnings()] == ["no-speech"]
    assert file.shortfall() is None
    file.turns = [{"start": 0.0, "end": 1.0, "speaker": "A"}]
    (warning,) = file.last_warnings()
    assert (warning["code"], warning["message"]) == ("speakers", "has 1 speaker")
    message = "talk.wav: the number of speakers is not met; it is written as heard"
    assert file.shortfall() == Problem("speakers-unmet", message)


def test_words_without_anybody_who_speaks_are_said(tmp_path: Path) -> None:
    file = unfinished(tmp_path / "a")
    file.segments = [segment_of({"start": 0.0, "end": 1.0, "text": "Hm.", "words": []}, 10.0)]
    assert list(file.last_warnings()) == []
    file.turns = []
    assert [warning["code"] for warning in file.last_warnings()] == ["speakers"]


def test_a_file_that_grew_is_named_and_fails_beyond_a_tenth(tmp_path: Path) -> None:
    for added, share in ((100, None), (1000, "50%")):
        file = unfinished(tmp_path / "a")
        file.turns = [{"start": 0.0, "end": 1.0, "speaker": "A"}]
        with (tmp_path / "a").open("ab") as stream:
            stream.write(bytes(added))
        (warning,) = file.last_warnings()
        assert warning["code"] == "grew"
        assert warning["message"].startswith(f"grew by {added} bytes while it was read")
        message = f"talk.wav: {share} of it could not be read; the rest is written"
        assert file.shortfall() == (share and Problem("audio-incomplete", message))


def test_a_file_fails_where_more_than_a_tenth_could_not_be_read(tmp_path: Path) -> None:
    file = unfinished(tmp_path / "a")
    file.unread = 0.1
    assert file.shortfall() is None
    file.unread = 0.21
    message = "talk.wav: 21% of it could not be read; the rest is written"
    assert file.shortfall() == Problem("audio-incomplete", message)


def test_speech_without_words_is_named_and_fails_beyond_a_tenth(tmp_path: Path) -> None:
    file = unfinished(tmp_path / "a")
    file.duration, file.transcribed, file.unheard = 100.0, True, [(20.0, 24.5)]
    file.segments = [
        {"start": 0.0, "end": 20.0, "text": "Good day.", "speaker": None, "words": []},
        {"start": 40.0, "end": 100.0, "text": "Good night.", "speaker": None, "words": []},
    ]
    lost: FileWarning = {
        "code": "speech-without-words",
        "message": "has speech without words from 20.0 to 24.5 s",
        "start": 20.0,
        "end": 24.5,
    }
    assert list(file.last_warnings()) == [lost]
    assert file.shortfall() is None
    file.exclusive = [{"start": 0.0, "end": 33.0, "speaker": "A"}]
    message = "has speech without words from 20.0 to 33.0 s"
    assert list(file.last_warnings()) == [{**lost, "message": message, "end": 33.0}]
    message = "talk.wav: 13.0 s of speech in it have no words"
    assert file.shortfall() == Problem("speech-without-words", message)
