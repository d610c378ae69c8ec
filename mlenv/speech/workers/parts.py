"""Cut a long recording into parts that are transcribed one after another.

What an hour takes in memory is bounded, what a day takes is not. Cuts are where it is quiet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .samples import Samples

RATE = 16_000
LONGEST = 3600 * RATE  # samples of a part
SEARCHED = 300 * RATE  # samples before the end of a part, in which it is cut
LEVEL = RATE // 10  # samples whose level is taken
QUIET = 10  # levels that are quiet together: a second

Part = tuple[int, int, dict[str, Any]]  # first sample, end, and options of faster-whisper's


def parts(samples: Samples, options: Mapping[str, Any]) -> Iterator[Part]:
    """The parts of a recording; one for a recording of an hour or less, none for an empty one."""
    length = len(samples)
    clips = options.get("clip_timestamps", "0")
    if length <= LONGEST:
        if length:
            yield 0, length, dict(options)
        return
    if clips != "0":  # which faster-whisper takes as they are, without looking for speech
        options = {**options, "vad_filter": False, "clip_timestamps": "0"}
    ends = [*(round(float(time) * RATE) for time in clips.split(",")), length]
    for first, end in zip(ends[::2], ends[1::2], strict=False):
        begin, last = min(first, length), min(end, length)
        while last - begin > LONGEST:
            cut = begin + LONGEST - SEARCHED
            cut += quietest(samples.part(cut, begin + LONGEST))
            yield begin, cut, dict(options)
            begin = cut
        if begin < last:
            yield begin, last, dict(options)


def quietest(samples: np.ndarray) -> int:
    """The sample in the middle of the quietest second, of the last one if there are several."""
    whole = samples[: len(samples) // LEVEL * LEVEL].reshape(-1, LEVEL).astype(np.float32)
    power = np.einsum("ij,ij->i", whole, whole)
    sums = np.convolve(power, np.ones(QUIET), "valid")
    last = len(sums) - 1 - int(sums[::-1].argmin())
    return (last + QUIET // 2) * LEVEL
