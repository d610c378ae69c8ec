"""Make the conversation that ships with mlenv from the utterances beside this file.

    mlenv exec python tests/data/make_conversation.py

Writes mlenv/speech/verify/samples/conversation.flac and .json, and for the page of `verify --html`
conversation.mp3 (with ffmpeg) and conversation.waveform.json. Six speakers take eight turns; two
of them come back and say their line once more. The turns are known exactly, since they are put
where they are; silence inside a turn is left out of its `speech` by one rule (see `speech`).

Needs NumPy and soundfile, which the environment has.
"""

import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "mlenv" / "speech" / "verify" / "samples"
RATE = 16_000
FRAME = RATE // 100

# speaker, and the pause after what is said
TURNS = (
    ("1089", 0.4),
    ("1995", 0.5),
    ("1188", 0.3),
    ("1221", 0.35),
    ("1320", 0.6),
    ("1284", 0.3),
    ("1089", 0.45),
    ("1221", 0.5),
)


def speech(samples: np.ndarray) -> list[tuple[float, float]]:
    """Where somebody is heard: the rule that trims silence from a turn.

    Of the levels (dB) of all frames of 10 ms, the 5th percentile is taken for the noise and the
    95th for the voice. Frames count as speech that are above the noise by 40 % of the distance
    between the two, but by no more than what is 30 dB below the voice. Pauses under 0.3 s belong
    to the speech around them, and what lasts under 0.1 s is none.
    """
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    level = 20 * np.log10(np.sqrt((frames**2).mean(axis=1)) + 1e-9)
    noise, voice = np.percentile(level, (5, 95))
    loud = np.flatnonzero(level > max(noise + 0.4 * (voice - noise), voice - 30))
    runs: list[list[int]] = []
    for frame in loud.tolist():
        if runs and frame - runs[-1][1] < 30:
            runs[-1][1] = frame + 1
        else:
            runs.append([frame, frame + 1])
    return [(a / 100, b / 100) for a, b in runs if b - a >= 10]


def waveform(samples: np.ndarray) -> list[int]:
    """The loudest sample of each 720th part, in percent of the loudest of all."""
    peaks = [int(np.abs(part.astype(np.int32)).max()) for part in np.array_split(samples, 720)]
    return [round(100 * peak / max(peaks)) for peak in peaks]


def main() -> None:
    listed = json.loads((HERE / "utterances" / "utterances.json").read_text("utf-8"))
    utterances = {row["speaker"]: row for row in listed}
    pieces, turns, at = [], [], 0
    for speaker, pause in TURNS:
        row = utterances[speaker]
        said, rate = soundfile.read(HERE / "utterances" / row["file"], dtype="int16")
        assert rate == RATE
        heard = [(round(at / RATE + a, 3), round(at / RATE + b, 3)) for a, b in speech(said)]
        turns.append(
            {
                "speaker": speaker,
                "start": heard[0][0],
                "end": heard[-1][1],
                "speech": heard,
                "text": row["text"],
            }
        )
        pieces += [said, np.zeros(round(pause * RATE), np.int16)]
        at += len(said) + round(pause * RATE)
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
    peaks = json.dumps(waveform(samples), separators=(",", ":")) + "\n"
    (SAMPLES / "conversation.waveform.json").write_text(peaks, "utf-8")
    listen = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact", "-b:a", "32k"]
    source, target = SAMPLES / "conversation.flac", SAMPLES / "conversation.mp3"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, *listen, target], check=True)


if __name__ == "__main__":
    main()
