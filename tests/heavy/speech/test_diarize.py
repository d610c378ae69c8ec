"""Who said what: the open pipeline on the conversation that ships, whose turns are known."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlenv.speech.verify import measure, samples, scores
from tests.support import tally
from tests.support.places import UTTERANCES
from tests.support.speech import WORKERS, Transcribe

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def conversation(
    real_venv: Path, model_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Everything that one call writes about the conversation."""
    out = tmp_path_factory.mktemp("conversation")
    command = [sys.executable, "-m", "mlenv", "exec", "--venv", real_venv, "transcribe"]
    words = ["--model", "tiny.en", "--diarize", "--diarize-model", "open", "--format", "all"]
    words += ["--output-dir", str(out), "--speaker-names", "Ann,Bob"]
    done = subprocess.run(
        [*command, *words, samples.CONVERSATION],
        env={**os.environ, "MLENV_CACHE_DIR": str(model_cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (out / "stderr").write_text(done.stderr)
    return out


@pytest.fixture(scope="module")
def document(conversation: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((conversation / "conversation.json").read_text())
    return found


def test_all_speakers_and_the_diarization_error_rate(
    document: dict[str, Any], real_venv: Path
) -> None:
    errors = scores.diarization_errors(real_venv, measure.reference(), document["turns"])
    assert errors["diarization_error_rate"] <= 0.10
    assert errors["speakers"] == errors["speakers_expected"] == 6
    assert document["speakers"] == ["Ann", "Bob", *(f"SPEAKER_{n:02}" for n in range(2, 6))]


def test_every_word_is_given_to_whoever_said_it(document: dict[str, Any]) -> None:
    """Each turn's words, in the order of the turns, and one speaker for each of its segments."""
    known = samples.truth()["turns"]
    speaker_of: dict[str, str] = {}
    for turn in known:
        inside = [
            segment
            for segment in document["segments"]
            if turn["start"] - 0.5 < (segment["start"] + segment["end"]) / 2 < turn["end"] + 0.5
        ]
        said = " ".join(segment["text"] for segment in inside)
        said = said.replace("Goodnight", "Good night")  # as LibriSpeech spells it
        assert scores.word_error_rate([turn["text"]], [said]) <= 0.25, (turn["text"], said)
        (speaker,) = {segment["speaker"] for segment in inside}
        assert speaker_of.setdefault(turn["speaker"], speaker) == speaker
    assert len(set(speaker_of.values())) == 6
    for segment in document["segments"]:
        assert {word["speaker"] for word in segment["words"]} == {segment["speaker"]}


def test_rttm_is_read_back_by_pyannote(
    conversation: Path, document: dict[str, Any], real_venv: Path
) -> None:
    script = (
        "import json, sys\n"
        "from pyannote.database.util import load_rttm\n"
        "(annotation,) = load_rttm(sys.argv[1]).values()\n"
        "print(json.dumps([[round(s.start, 3), round(s.end, 3), l]\n"
        "    for s, _, l in annotation.itertracks(yield_label=True)]))\n"
    )
    done = subprocess.run(
        [real_venv / "bin" / "python", "-c", script, conversation / "conversation.rttm"],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [[turn["start"], turn["end"], turn["speaker"]] for turn in document["turns"]]
    assert sorted(json.loads(done.stdout)) == sorted(expected)


def test_it_says_which_pipeline_ran_and_under_which_licences(conversation: Path) -> None:
    said = (conversation / "stderr").read_text()
    assert (
        "finding speakers with the open pipeline (asked for): segmentation 3.0 (MIT) and CAM++ "
        "(Apache-2.0), clustered by pyannote.audio\n"
    ) in said


def test_the_number_of_speakers_can_be_given_and_files_without_speech_have_none(
    transcribe: Transcribe, make_audio: Callable[..., Path], tmp_path: Path
) -> None:
    shutil.copy(UTTERANCES / "libri_01_spk1089.flac", tmp_path / "one.flac")
    made = [
        samples.CONVERSATION,
        tmp_path / "one.flac",
        make_audio(tmp_path / "zero.wav", "--seconds", "0"),
        make_audio(tmp_path / "short.wav", "--seconds", "0.3"),
        make_audio(tmp_path / "silence.wav", "--silence"),
        tmp_path / "missing.wav",
    ]
    done = transcribe(*made, "--max-speakers", "2", "--json", command="diarize")
    document = json.loads(done.stdout)
    tally.document(made, document)
    assert done.returncode == 1
    assert [error["code"] for error in document["errors"]] == ["audio-missing"]
    found = {Path(file["path"]).name: file for file in document["data"]["files"]}
    assert len(found["conversation.flac"]["speakers"]) == 2
    assert found["one.flac"]["speakers"] == ["SPEAKER_00"]
    assert [found[name]["turns"] for name in ("zero.wav", "silence.wav")] == [[], []]
    assert found["short.wav"]["duration"] == 0.3


def test_pyannotes_own_pipeline_from_a_folder(
    transcribe: Transcribe, conversation: Path, model_cache: Path, tmp_path: Path
) -> None:
    """A config.yaml as the hub has them; the weights of the gated pipelines can't be had here, so
    this one has segmentation 3.0 for a voice activity detection."""
    (tmp_path / "config.yaml").write_text(
        "version: 3.1.0\n"
        "pipeline:\n"
        "  name: pyannote.audio.pipelines.VoiceActivityDetection\n"
        "  params:\n"
        f"    segmentation: {model_cache}/models/segmentation-3.0/pytorch_model.bin\n"
        "params:\n  min_duration_on: 0.0\n  min_duration_off: 0.0\n"
    )
    done = transcribe(
        samples.CONVERSATION, "--diarize-model", tmp_path, "--json", command="diarize"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = json.loads(done.stdout)["data"]["files"]
    assert file["speakers"] == ["SPEAKER_00"]


def test_a_gated_pipeline_that_cannot_be_read_names_the_page(transcribe: Transcribe) -> None:
    done = transcribe(samples.CONVERSATION, "--offline", "--diarize", "--diarize-model", "3.1")
    assert done.returncode == 1
    assert "pyannote/speaker-diarization-3.1 is not in the hub's cache" in done.stderr
    assert "the open pipeline needs no account" in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_scores_and_keeps_a_receipt(
    transcribe: Transcribe, mlenv: Any, real_venv: Path, model_cache: Path, home: Path
) -> None:
    words = ("verify", "--venv", real_venv, "--model", "tiny.en", "--device", "cpu", "--json")
    done = mlenv(*words, env={"MLENV_CACHE_DIR": str(model_cache)})
    document = json.loads(done.stdout)
    assert (done.returncode, document["ok"]) == (0, True), document
    rows = document["data"]["rows"]
    assert [(row["model"], row["device"], row["ok"]) for row in rows] == [
        ("tiny.en", "cpu", True),
        ("diarization", "cpu", True),
    ]
    assert any("libctranslate2" in path for path in rows[0]["libraries"])
    assert not any("libtorch" in path for path in rows[0]["libraries"])
    assert not any("libctranslate2" in path for path in rows[1]["libraries"])
    receipt = json.loads(Path(document["data"]["receipt"]).read_text())
    assert receipt["rows"][0]["error_rate"] == rows[0]["error_rate"] <= 0.15
    assert document["data"]["compared_with"] is None
    assert Path(document["data"]["receipt"]).is_relative_to(home / ".local" / "state")


def test_the_voices_of_a_long_recording_are_compared_in_part(real_venv: Path) -> None:
    """Two voices, 300 windows each, of which 50 in all are compared; and what is said of it."""
    script = (
        "import sys\n"
        "import numpy as np\n"
        "from pyannote.audio.pipelines.clustering import AgglomerativeClustering\n"
        "from mlenv_workers import campplus, room\n"
        "class Pipeline: clustering = AgglomerativeClustering()\n"
        "Pipeline.clustering.instantiate(campplus.CLUSTERING)\n"
        "bounded = room.Bounded(Pipeline)\n"
        "voices = np.repeat(np.eye(2, 192), 300, axis=0)\n"
        "voices += 0.01 * np.random.default_rng(1).standard_normal(voices.shape)\n"
        "class Windows: data = np.ones((600, 100, 1))\n"
        "for most in (600, 50):\n"
        "    room.MOST = most\n"
        "    found, _, centroids = Pipeline.clustering(voices[:, None], Windows,"
        " min_clusters=1, max_clusters=9)\n"
        "    assert len(centroids) == 2\n"
        "    assert len(set(found[:300, 0])) == len(set(found[300:, 0])) == 1\n"
        "    print([each['message'] for each in bounded.warnings()])\n"
    )
    done = subprocess.run(
        [real_venv / "bin" / "python", "-c", WORKERS + script], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [
        "[]",
        "['holds so much speech that its voices are learned from 8% of it: "
        "who speaks little may be taken for another']",
    ], done.stderr
