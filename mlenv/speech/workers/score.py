"""Worker: the diarization error rate, with pyannote.metrics.

Reads one JSON object from standard input, {"reference": [turn, ..], "hypothesis": [turn, ..]} with
turns {"start", "end", "speaker"} in seconds, and writes one: shares of the reference's speech.
No collar, overlapping speech counts.
"""

from __future__ import annotations

import json
import sys
import warnings

warnings.simplefilter("ignore")

from pyannote.core import Annotation, Segment  # noqa: E402
from pyannote.metrics.diarization import DiarizationErrorRate  # noqa: E402

from .protocol import Turn  # noqa: E402


def annotation(turns: list[Turn]) -> Annotation:
    """Convert turns to a pyannote annotation."""
    converted = Annotation(uri="file")
    for track, turn in enumerate(turns):
        converted[Segment(turn["start"], turn["end"]), track] = turn["speaker"]
    return converted


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    reference, hypothesis = annotation(request["reference"]), annotation(request["hypothesis"])
    score = DiarizationErrorRate()(reference, hypothesis, detailed=True)
    total = score["total"]
    answer = {
        "diarization_error_rate": round(score["diarization error rate"], 4),
        "missed": round(score["missed detection"] / total, 4),
        "false_alarm": round(score["false alarm"] / total, 4),
        "confusion": round(score["confusion"] / total, 4),
        "speakers": len(hypothesis.labels()),
        "speakers_expected": len(reference.labels()),
    }
    print(json.dumps(answer))
