"""Make the conversation that ships with mlenv from the utterances beside this file.

    mlenv exec python tests/data/make_conversation.py

Writes mlenv/samples/conversation.flac and .json. The turns are known exactly, since they are put
where they are; two speakers come back later, with the second half of what they say, cut in a
pause. Silence inside a turn is left out of its `speech` by one rule (see `speech`).

Needs NumPy and soundfile, which the environment has.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "mlenv" / "samples"
RATE = 16_000
FRAME = RATE // 100

# speaker, from and to which second of the utterance (None: its end), its words, pause after it
TURNS = (
    ("1089", 0.0, 3.9, "NUMBER TEN FRESH NELLY IS WAITING ON YOU", 0.4),
    ("1320", 0.0, 1.8, "LET US RETRACE OUR STEPS", 0.35),
    ("1188", 0.0, 2.92, "BUT IN THIS VIGNETTE COPIED FROM TURNER", 0.5),
    (
        "2094",
        0.0,
        None,
        "THAT'S THE WAY WITH YOU THAT'S THE ROAD YOU'D ALL LIKE TO GO HEADLONGS TO RUIN",
        0.6,
    ),
    (
        "1995",
        0.0,
        None,
        "FOR A WHILE SHE LAY IN HER CHAIR IN HAPPY DREAMY PLEASURE AT SUN AND BIRD AND TREE",
        0.3,
    ),
    ("1188", 2.92, None, "YOU HAVE THE TWO PRINCIPLES BROUGHT OUT PERFECTLY", 0.5),
    ("1221", 0.0, None, "PEARL SAW AND GAZED INTENTLY BUT NEVER SOUGHT TO MAKE ACQUAINTANCE", 0.45),
    ("1320", 1.8, None, "AND EXAMINE AS WE GO WITH KEENER EYES", 0.4),
    ("1089", 3.9, None, "GOOD NIGHT HUSBAND", 0.7),
)


def speech(samples: np.ndarray) -> list[tuple[float, float]]:
    """Where somebody is heard: the rule that trims silence from a turn.

    Frames of 10 ms count as speech where their level is less than 35 dB below the level that 5 %
    of the frames exceed. Pauses under 0.3 s belong to the speech around them, and what lasts
    under 0.1 s is none.
    """
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    level = 20 * np.log10(np.sqrt((frames**2).mean(axis=1)) + 1e-9)
    loud = np.flatnonzero(level > np.percentile(level, 95) - 35)
    runs: list[list[int]] = []
    for frame in loud.tolist():
        if runs and frame - runs[-1][1] < 30:
            runs[-1][1] = frame + 1
        else:
            runs.append([frame, frame + 1])
    return [(a / 100, b / 100) for a, b in runs if b - a >= 10]


def main() -> None:
    listed = json.loads((HERE / "utterances" / "utterances.json").read_text("utf-8"))
    files = {row["speaker"]: row["file"] for row in listed}
    pieces, turns, at = [], [], 0
    for speaker, start, end, text, pause in TURNS:
        whole, rate = soundfile.read(HERE / "utterances" / files[speaker], dtype="int16")
        assert rate == RATE
        cut = whole[round(start * RATE) : None if end is None else round(end * RATE)]
        heard = [(round(at / RATE + a, 3), round(at / RATE + b, 3)) for a, b in speech(cut)]
        turns.append(
            {
                "speaker": speaker,
                "start": heard[0][0],
                "end": heard[-1][1],
                "speech": heard,
                "text": text,
            }
        )
        pieces += [cut, np.zeros(round(pause * RATE), np.int16)]
        at += len(cut) + round(pause * RATE)
    samples = np.concatenate(pieces)
    soundfile.write(SAMPLES / "conversation.flac", samples, RATE, subtype="PCM_16")
    document = {
        "audio": "conversation.flac",
        "sample_rate": RATE,
        "duration": round(len(samples) / RATE, 3),
        "samples_sha256": hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest(),
        "language": "en",
        "source": "LibriSpeech test-clean, CC BY 4.0, see ATTRIBUTION.md",
        "turns": turns,
    }
    (SAMPLES / "conversation.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
