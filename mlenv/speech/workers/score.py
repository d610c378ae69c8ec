"""Worker: the diarization error rate, with pyannote.metrics.

Reads one JSON object on standard input, {"reference": [turn, ..], "hypothesis": [turn, ..]} with
turns {"start", "end", "speaker"} in seconds, and writes one: shares of the reference's speech.
No collar, overlapping speech counts. Runs inside the environment; imports nothing of mlenv.
"""

import json
import sys
import warnings

warnings.simplefilter("ignore")

from pyannote.core import Annotation, Segment  # noqa: E402
from pyannote.metrics.diarization import DiarizationErrorRate  # noqa: E402


def annotation(turns: list[dict]) -> Annotation:
    made = Annotation(uri="file")
    for track, turn in enumerate(turns):
        made[Segment(turn["start"], turn["end"]), track] = turn["speaker"]
    return made


def main() -> None:
    asked = json.load(sys.stdin)
    reference, hypothesis = annotation(asked["reference"]), annotation(asked["hypothesis"])
    found = DiarizationErrorRate()(reference, hypothesis, detailed=True)
    total = found["total"]
    answer = {
        "diarization_error_rate": round(found["diarization error rate"], 4),
        "missed": round(found["missed detection"] / total, 4),
        "false_alarm": round(found["false alarm"] / total, 4),
        "confusion": round(found["confusion"] / total, 4),
        "speakers": len(hypothesis.labels()),
        "speakers_expected": len(reference.labels()),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
