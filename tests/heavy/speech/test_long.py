"""Long recordings: in parts, with samples on a disk. A whole day: `benchmarks/day.py`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mlenv.speech.verify import samples, scores
from tests.support.recordings import FIRST, LAST, ffmpeg
from tests.support.speech import WORKERS, Pulled

pytestmark = pytest.mark.heavy

# Words of a file, with the limits of a day made those of minutes.
SMALL = """
import json, sys
sys.modules["torch"] = None
from mlenv_workers import parts, samples
from mlenv_workers.load_model import load
from mlenv_workers.protocol import FileRequest, SegmentFound, TranscriberConfig
from mlenv_workers.transcribe_file import transcribe
path, model, small, options = sys.argv[1:]
if small == "small":
    samples.IN_MEMORY, samples.BLOCK = 1 << 20, 1 << 16
    parts.LONGEST, parts.SEARCHED = 20 * parts.RATE, 10 * parts.RATE
config = TranscriberConfig(model, "cpu", 0, "int8", 1, 1, None, json.loads(options))
engine = load(config, lambda device: None).engine
transcribe(
    lambda event: print(json.dumps(event.segment)) if isinstance(event, SegmentFound) else None,
    engine, config, FileRequest(0, path),
)
"""
# Samples that are read back, in parts that lie in the file, in memory, and across both.
STORE = """
import errno, os, sys
import numpy as np
from mlenv_workers import samples
samples.IN_MEMORY, samples.BLOCK = 5000, 700
wanted = np.arange(-20_000, 20_000, dtype=np.int16)
write, full = os.pwrite, int(sys.argv[1])
def pwrite(file, data, offset):  # disks that are full after so many bytes
    if offset + len(data) > full and not os.readlink(f"/proc/self/fd/{file}").startswith("/memfd"):
        raise OSError(errno.ENOSPC, "No space left on device")
    return write(file, data, offset)
os.pwrite = pwrite
store, data = samples.Samples(), wanted.tobytes()
for at in range(0, len(data), 300):
    store.append(data[at : at + 300])
    assert len(store) == min(len(data), at + 300) // 2
ends = (0, 40_000), (0, 10), (39_990, 40_000), (39_000, 50_000), (1000, 30_000), (5, 5)
for first, last in ends:
    assert (store.part(first, last) == wanted[first:last]).all()
assert (np.concatenate(list(store.blocks())) == wanted).all()
print(os.readlink(f"/proc/self/fd/{store._file}").split("/")[1].partition(":")[0])
"""


def run(venv: Path, script: str, *words: object) -> str:
    argv = [venv / "bin" / "python", "-c", WORKERS + script, *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def heard(venv: Path, path: Path, model: Path, limits: str, **options: Any) -> list[dict[str, Any]]:
    printed = run(venv, SMALL, path, model, limits, json.dumps(options))
    return [json.loads(line) for line in printed.splitlines()]


def test_words_of_parts_are_those_of_the_whole_in_their_places(
    real_venv: Path, pulled: Pulled, tmp_path: Path
) -> None:
    long, model = tmp_path / "long.flac", pulled("tiny.en")
    pause = "[1:a]apad=pad_dur=25[b];[0:a][b][2:a]concat=n=3:v=0:a=1"
    ffmpeg("-i", samples.CONVERSATION, "-i", FIRST, "-i", LAST, "-filter_complex", pause, long)
    whole, parts = (
        heard(real_venv, long, model, limits, vad_filter=True, word_timestamps=True)
        for limits in ("large", "small")
    )
    texts = [" ".join(each["text"] for each in words) for words in (whole, parts)]
    assert scores.word_error_rate(texts[:1], texts[1:]) < 0.1
    assert [each["start"] for each in parts] == sorted(each["start"] for each in parts)
    for word in ("waiting", "chair"):  # before the pause, and behind it
        times = [
            [w["start"] for each in words for w in each["words"] if word in w["word"]][-1]
            for words in (whole, parts)
        ]
        assert times[0] == pytest.approx(times[1], abs=0.2)


def test_only_the_clips_of_a_long_recording(
    real_venv: Path, pulled: Pulled, tmp_path: Path
) -> None:
    long = tmp_path / "long.flac"
    ffmpeg("-i", FIRST, "-i", LAST, "-i", FIRST, "-i", LAST, "-i", FIRST, "-filter_complex",
           "concat=n=5:v=0:a=1", long)  # fmt: skip
    words = heard(real_venv, long, pulled("tiny.en"), "small", clip_timestamps="5.3,10.5,21.2")
    text = " ".join(each["text"] for each in words).lower()
    assert text.index("lay in her chair") < text.index("fresh nelly")
    assert (text.count("lay in her chair"), text.count("fresh nelly")) == (1, 1)
    assert words[0]["start"] == pytest.approx(5.3, abs=0.5)
    assert words[-1]["end"] == pytest.approx(26.4, abs=0.5)


@pytest.mark.parametrize(("full", "place"), [(1 << 30, "var"), (20_000, "memfd"), (0, "memfd")])
def test_samples_on_a_disk_are_those_that_were_put_there(
    full: int, place: str, real_venv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all disks are full, memory is the last place."""
    monkeypatch.delenv("TMPDIR", raising=False)
    assert run(real_venv, STORE, full) == f"{place}\n"
