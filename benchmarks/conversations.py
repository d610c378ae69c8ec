"""Make recordings of known words for `words.py`: DIR/SET/NAME.wav and DIR/SET/truth.json.

    python benchmarks/conversations.py DIR COUNT [SET ..]

Runs with an environment's Python, which has NumPy and soundfile. The readers are nine utterances of
LibriSpeech test-clean (`tests/data/utterances`). `spoken` also needs Debian's flite and fortunes:
it is sentences that never repeat, since repeated ones lead Whisper astray by themselves.

    readers   turns of nine readers, pauses of 0 to 1.2 s, one minute each
    repeated  turns of two to five readers, so that sentences come again and again
    rough     nine turns: overlaps, pauses of 4 s, noise at 14 dB, telephone band
    telephone nine turns at 8 kHz, 300 to 3400 Hz, mu-law, down to -50 dB; half of them with noise
    long      as `readers`, one recording of COUNT minutes (only where it is named)
    alone     each reader's utterance in a recording of its own
    spoken    four synthetic voices, pauses of 0 to 1.2 s
    silent    nobody speaks: silence, noise, tones, telephone tones, music, clicks, wind
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
UTTERANCES = Path(__file__).parent.parent / "tests" / "data" / "utterances"
FORTUNES = Path("/usr/share/games/fortunes")
TOPICS = ("literature", "wisdom", "people", "science", "work", "education", "art")
VOICES = ("slt", "rms", "awb", "kal")
GAPS = (0.0, 0.1, 0.3, 0.6, 1.2)
MINUTE = 60


def utterances():
    """(speaker, words, samples) of each reader, equally loud, without silence at the ends."""
    for entry in json.loads((UTTERANCES / "utterances.json").read_text()):
        samples, _ = soundfile.read(UTTERANCES / entry["file"])
        loud = np.nonzero(np.abs(samples) > 0.02 * np.abs(samples).max())[0]
        samples = samples[loud[0] : loud[-1] + 1]
        yield entry["speaker"], entry["text"], samples * (0.1 / np.sqrt(np.mean(samples**2)))


def joined(pieces):
    """Samples and turns of [(pause before it, (speaker, words, samples)), ..]."""
    at, turns, placed = 0.5, [], []
    for gap, (speaker, text, samples) in pieces:
        at = max(0.2, at + gap)
        placed.append((int(at * RATE), samples))
        end = at + len(samples) / RATE
        times = {"start": round(at, 3), "end": round(end, 3)}
        turns.append({**times, "speaker": speaker, "text": text})
        at = end
    mixed = np.zeros(int((at + 0.5) * RATE))
    for first, samples in placed:
        mixed[first : first + len(samples)] += samples
    return mixed, turns


def minute(speakers, chance, text_of=None, length=MINUTE):
    """Pieces of a minute, or `length` seconds, in which nobody speaks twice in a row."""
    pieces, seconds, last = [], 0.0, None
    while seconds < length:
        last = piece = chance.choice([each for each in speakers if each is not last])
        piece = text_of(piece) if text_of else piece
        pieces.append((chance.choice(GAPS), piece))
        seconds += pieces[-1][0] + len(piece[2]) / RATE
    return pieces


def readers(count):
    nine = list(utterances())
    for number in range(count):
        yield str(number), *joined(minute(nine, random.Random(number)))


def long(minutes):
    yield (
        str(minutes),
        *joined(minute(list(utterances()), random.Random(7), None, minutes * MINUTE)),
    )


def repeated(count):
    nine = list(utterances())
    for number in range(count):
        chance = random.Random(100 + number)
        few = chance.sample(nine, chance.choice((2, 3, 5)))
        gap = (0.0, 0.1, 0.3, 0.6)[number % 4]
        yield str(number), *joined([(gap, piece) for piece in (few * 5)[:10]])


def rough(count):
    nine = list(utterances())
    noise = np.random.default_rng(0)
    for number in range(count):
        chance = random.Random(200 + number)
        gaps = (0.0, 0.3, -0.5) if number % 3 == 0 else (0.0, 0.3, 1.2, 4.0)
        order = chance.sample(nine, 9)
        mixed, turns = joined([(chance.choice(gaps), piece) for piece in order])
        if number % 2:
            mixed += noise.normal(0, 0.02, len(mixed))
        if number % 4 > 1:
            mixed = band(mixed)
        yield str(number), mixed, turns


def band(samples):
    """The band of a telephone: 300 to 3400 Hz."""
    spectrum = np.fft.rfft(samples)
    pitch = np.fft.rfftfreq(len(samples), 1 / RATE)
    spectrum[(pitch < 300) | (pitch > 3400)] = 0
    return np.fft.irfft(spectrum, len(samples))


def called(samples):
    """What comes out of a telephone: every other sample, of 8 bits by the mu-law."""
    coded = np.clip(samples[::2], -1, 1)
    coded = np.round(np.sign(coded) * np.log1p(255 * np.abs(coded)) / np.log(256) * 127) / 127
    heard = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255
    places = np.arange(len(samples)) / 2
    return np.interp(places, np.arange(len(heard)), heard)


def telephone(count):
    nine = list(utterances())
    noise = np.random.default_rng(9)
    for number in range(count):
        chance = random.Random(400 + number)
        order = chance.sample(nine, 9)
        mixed, turns = joined([(chance.choice((*GAPS, 4.0)), piece) for piece in order])
        mixed = band(mixed)
        if number % 2:
            mixed += band(noise.normal(0, 0.02, len(mixed)))
        yield str(number), called(mixed * 10 ** (-(0, 10, 20, 30)[number % 4] / 20)), turns


def alone(_count):
    for speaker, text, samples in utterances():
        yield speaker, *joined([(0.0, (speaker, text, samples))])


def sentences():
    quotes = []
    for topic in TOPICS:
        for quote in (FORTUNES / topic).read_text(errors="ignore").split("\n%\n"):
            words = re.sub(r"\s+", " ", re.sub(r"\s*--.*", "", quote, flags=re.DOTALL)).strip()
            quotes += re.split(r"(?<=[.!?])\s+", words)
    plain = [
        each
        for each in dict.fromkeys(quotes)
        if 6 <= len(each.split()) <= 22 and re.fullmatch(r"[A-Za-z ,.'!?;-]+", each)
    ]
    random.Random(3).shuffle(plain)
    return plain


def spoken(count):
    left = iter(sentences())
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder, "one.wav")

        def said(voice):
            text = next(left)
            subprocess.run(["flite", "-voice", voice, "-t", text, "-o", wave], check=True)
            samples, rate = soundfile.read(wave)
            places = np.arange(0, len(samples), rate / RATE)
            samples = np.interp(places, np.arange(len(samples)), samples)
            return voice, text, samples * (0.5 / np.abs(samples).max())

        for number in range(count):
            yield str(number), *joined(minute(VOICES, random.Random(number), said))


def silent(_count):
    time = np.arange(MINUTE * RATE) / RATE
    noise = np.random.default_rng(2).normal(0, 1, len(time))

    def tones(*pitches):
        return 0.2 * sum(np.sin(2 * np.pi * pitch * time) for pitch in pitches)

    notes = ((261.6, 0.5), (329.6, 1.0), (392.0, 0.75), (523.2, 1.5), (130.8, 2.0))
    music = sum(np.sin(2 * np.pi * f * time) * np.exp(-3 * (time % d)) for f, d in notes)
    low = np.convolve(noise, np.ones(80) / 80, "same")
    sounds = {
        "silence": 0 * time,
        "noise": 0.1 * noise,
        "low-noise": low,
        "wind": low * (1 + np.sin(2 * np.pi * 0.2 * time)) * 2,
        "tone": tones(440),
        "dial": tones(350, 440),
        "busy": tones(480, 620) * (time % 1 < 0.5),
        "ring": tones(440, 480) * (time % 6 < 2),
        "keys": tones(697, 1209) * (time % 0.4 < 0.2),
        "hum": tones(50, 100, 150),
        "music": 0.1 * music,
        "clicks": 0.8 * (time % 1.3 < 0.002),
    }
    for name, samples in sounds.items():
        yield name, samples, []


SETS = {
    "readers": readers,
    "long": long,
    "repeated": repeated,
    "rough": rough,
    "telephone": telephone,
    "alone": alone,
    "spoken": spoken,
    "silent": silent,
}


def main() -> None:
    target, count, *names = sys.argv[1:]
    for name in names or [name for name in SETS if name != "long"]:
        folder, truth = Path(target, name), {}
        folder.mkdir(parents=True)
        for number, samples, turns in SETS[name](int(count)):
            soundfile.write(folder / f"{number}.wav", np.clip(samples, -1, 1), RATE)
            truth[number] = turns
        (folder / "truth.json").write_text(json.dumps(truth, indent=1))


if __name__ == "__main__":
    main()
