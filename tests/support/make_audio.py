"""Write one file of audio from an utterance, with PyAV: any container, codec, rate, channels.

    python make_audio.py OUT [--source FLAC] [--rate 16000] [--layout mono] [--seconds S]
        [--codec NAME] [--option NAME=VALUE] [--video] [--noise] [--silence]

Runs with the environment's interpreter, which has PyAV and NumPy.
"""

import argparse
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

DEFAULT = Path(__file__).parents[1] / "data" / "utterances" / "libri_08_spk1995.flac"
CODECS = {
    ".wav": "pcm_s16le",
    ".mp3": "libmp3lame",
    ".m4a": "aac",
    ".mp4": "aac",
    ".ogg": "libopus",
    ".flac": "flac",
    ".mkv": "libopus",
    ".webm": "libopus",
}


def samples(options: argparse.Namespace) -> np.ndarray:
    """int16 at 16 kHz."""
    if options.noise or options.silence:
        size = int(16_000 * (options.seconds if options.seconds is not None else 5.0))
        random = np.random.default_rng(1).normal(0, 1500, size)
        return (random if options.noise else np.zeros(size)).astype(np.int16)
    with av.open(str(options.source)) as container:
        data = np.concatenate([f.to_ndarray().ravel() for f in container.decode(audio=0)])
    data = data.astype(np.int16)
    if options.seconds is not None:
        wanted = int(options.seconds * 16_000)
        data = np.tile(data, wanted // len(data) + 1)[:wanted]
    return data


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--source", type=Path, default=DEFAULT)
    parser.add_argument("--rate", type=int, default=16_000)
    parser.add_argument("--layout", default="mono")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--codec")
    parser.add_argument("--option", default="", help="of FFmpeg's muxer")
    parser.add_argument("--video", action="store_true")
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--silence", action="store_true")
    options = parser.parse_args()
    data = samples(options)
    muxing = dict([options.option.split("=", 1)]) if options.option else {}
    with av.open(str(options.out), "w", options=muxing) as container:
        codec = options.codec or CODECS[options.out.suffix]
        if options.video:
            picture = container.add_stream("mpeg4", rate=5)
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        stream = container.add_stream(codec, rate=options.rate, layout=options.layout)
        container.start_encoding()
        resampler = av.AudioResampler(
            format=stream.format.name, layout=options.layout, rate=options.rate
        )
        for begin in range(0, len(data), 16_000):
            frame = av.AudioFrame.from_ndarray(data[None, begin : begin + 16_000], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, begin, Fraction(1, 16_000)
            for resampled in resampler.resample(frame):
                container.mux(stream.encode(resampled))
        if len(data):
            for resampled in resampler.resample(None):
                container.mux(stream.encode(resampled))
        if options.video:
            for _ in range(5):
                image = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
                container.mux(picture.encode(image))
            container.mux(picture.encode(None))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
