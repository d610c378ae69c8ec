"""The undocumented attributes of faster-whisper and pyannote.audio that the workers use."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mlenv.speech.transcribe.diarization import OPEN
from mlenv.speech.workers import inner
from tests.support.places import UTTERANCES
from tests.support.speech import WORKERS, Pulled

pytestmark = pytest.mark.heavy

CLIP = UTTERANCES / "libri_04_spk1221.flac"


def run(venv: Path, script: str, *arguments: object) -> object:
    """Run a script in the environment; returns the JSON that it prints."""
    done = subprocess.run(
        [venv / "bin" / "python", "-c", WORKERS + script, *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


WHISPER = """
import json, sys
sys.modules["torch"] = None
from faster_whisper import WhisperModel, vad
from mlenv_workers import inner
model = WhisperModel(sys.argv[1], device="cpu")
print(json.dumps({
    "WHISPER_MODEL": inner.missing(model, inner.WHISPER_MODEL),
    "TOKENIZER": inner.missing(model, inner.TOKENIZER),
    "FEATURE_EXTRACTOR": inner.missing(model.feature_extractor, inner.FEATURE_EXTRACTOR),
    "get_vad_model": inner.missing(vad, ("get_vad_model",)),
}))
"""

PYANNOTE = """
import json, sys
from pyannote.audio.pipelines import SpeakerDiarization
from mlenv_workers import campplus, inner
pipeline, notes = campplus.open_pipeline(sys.argv[1], sys.argv[2])
print(json.dumps({
    "SPEAKER_DIARIZATION": inner.missing(SpeakerDiarization, inner.SPEAKER_DIARIZATION),
    "EMBEDDING": inner.missing(pipeline._embedding, inner.EMBEDDING),
    "notes": notes,
}))
"""


def test_this_faster_whisper_has_all_that_is_used(real_venv: Path, pulled: Pulled) -> None:
    lacking = run(real_venv, WHISPER, pulled("tiny.en"))
    assert lacking == {
        "WHISPER_MODEL": [], "TOKENIZER": [], "FEATURE_EXTRACTOR": [], "get_vad_model": [],
    }  # fmt: skip


def test_this_pyannote_audio_has_all_that_is_used(real_venv: Path, pulled: Pulled) -> None:
    lacking = run(real_venv, PYANNOTE, *map(pulled, OPEN))
    assert lacking == {"SPEAKER_DIARIZATION": [], "EMBEDDING": [], "notes": []}


# `sys.argv[2]` names an attribute that this faster-whisper is made not to have.
OTHER_VERSION = """
import json, sys
sys.modules["torch"] = None
import ctranslate2, faster_whisper
lacking = sys.argv[2]
if lacking == "replaceable engine":  # it keeps a reference of its own
    own = ctranslate2.models.Whisper
    class WhisperModel(faster_whisper.WhisperModel):
        def __init__(self, path, **options):
            super().__init__(path, **options)
            self.model = own(path, device="cpu")
    faster_whisper.WhisperModel = WhisperModel
else:
    begin = faster_whisper.WhisperModel.__init__
    def init(self, *words, **options):
        begin(self, *words, **options)
        if hasattr(self, lacking):
            delattr(self, lacking)
    faster_whisper.WhisperModel.__init__ = init
from mlenv_workers.audio import as_float, decode
from mlenv_workers.load_model import load
from mlenv_workers.protocol import TranscriberConfig
options = {"language": "en"} if lacking == "hf_tokenizer" else {}
config = TranscriberConfig(sys.argv[1], "cpu", 0, "auto", 1, 1, None, options)
loaded = load(config, lambda device: None)
text = ""
if lacking != "hf_tokenizer":  # which transcribing needs too: only the check goes without it
    samples = decode(sys.argv[3]).samples.whole()
    segments, _ = loaded.engine.transcribe(as_float(samples), language="en")
    text = " ".join(segment.text for segment in segments)
print(json.dumps([loaded.notes, text]))
"""


@pytest.mark.parametrize(
    ("lacking", "consequence"),
    [
        ("feat_kwargs", "long files take more memory"),
        (
            "replaceable engine",
            "it loads the model by itself, which takes longer, and words may differ between runs",
        ),
        ("hf_tokenizer", "the language is not checked before"),
    ],
)
def test_another_faster_whisper_is_used_in_its_plain_way(
    real_venv: Path, pulled: Pulled, lacking: str, consequence: str
) -> None:
    model = pulled("tiny.en")
    notes, text = run(real_venv, OTHER_VERSION, model, lacking, CLIP)  # type: ignore[misc]
    assert notes == [inner.note("faster-whisper", (lacking,), consequence)]
    assert lacking == "hf_tokenizer" or "gazed" in text


LACKS_EMBEDDING_MODEL = """
import json, sys
from mlenv_workers import inner
inner.EMBEDDING = ("model_of_another_version",)
from mlenv_workers import campplus
pipeline, notes = campplus.open_pipeline(sys.argv[1], sys.argv[2])
print(json.dumps([notes, type(pipeline).__name__]))
"""


def test_another_pyannote_audio_computes_the_embeddings_itself(
    real_venv: Path, pulled: Pulled
) -> None:
    notes, kind = run(real_venv, LACKS_EMBEDDING_MODEL, *map(pulled, OPEN))  # type: ignore[misc]
    assert kind == "SpeakerDiarization"
    lacking = ("model_of_another_version",)
    assert notes == [inner.note("pyannote.audio", lacking, "speakers take several times as long")]
