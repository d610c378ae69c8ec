"""Mix channels to one without losing what is on one of them. NumPy only.

A plain mix loses channels that cancel each other (one of them inverted), what is only on the
low-frequency channel, and a party whose channel is much quieter than the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

PART = 1600  # samples over which levels are measured: 0.1 s
CANCELLED = 0.1  # of the power that independent channels would have in a mix
AUDIBLE = 10.0**2  # power of 16-bit samples, -70 dB of full scale
LOW = ("LFE", "LFE2")
SURROUND = ("BL", "BR", "SL", "SR", "BC")

# When a channel counts as a party of its own that is too quiet. Decibels, and parts of 0.1 s.
ABOVE_NOISE = 15.0
QUIETER = 10.0
QUIETEST = 45.0
OTHERS_SILENT = 20.0
OWN_PARTS = 10


def weights(names: Sequence[str]) -> np.ndarray:
    """(channels,) weights that add up to 1, by FFmpeg's names of the channels.

    Channels without names (a recorder with a microphone on each) count alike.
    """
    if len(set(names)) < len(names):
        return np.full(len(names), 1 / len(names), np.float32)
    plain = [
        0.0 if name in LOW else 0.5 if name in SURROUND else 1.0 if name == "FC" else 0.7071
        for name in names
    ]
    if not any(plain):
        plain = [1.0] * len(names)
    return np.array(plain, np.float32) / sum(plain)


def mixed(block: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, str]:
    """(samples, channels) float32 as (samples,), and the reason why one channel is used alone.

    The reason is `cancelled`, `low` (only the low-frequency channel has sound) or empty.
    """
    mix = block @ shares
    power = np.ones(len(block), np.float32) @ np.square(block) / max(1, len(block))
    independent = float(shares**2 @ power)
    unused = np.where(shares == 0, power, 0)
    if unused.max() > max(AUDIBLE, 1e4 * independent):  # only there is something
        return block[:, unused.argmax()], "low"
    if independent > AUDIBLE and mix @ mix / len(mix) < CANCELLED * independent:
        return block[:, (shares * power).argmax()], "cancelled"
    return mix, ""


def levels(block: np.ndarray) -> np.ndarray:
    """(parts, channels) float32: the power of 16-bit samples in each tenth of a second."""
    whole = block[: len(block) // PART * PART].reshape(-1, PART, block.shape[1])
    power: np.ndarray = np.ones(PART, np.float32) @ np.square(whole) / PART
    return power


def gains(measured: np.ndarray) -> Mapping[int, float]:
    """Decibels by which to raise channels (counted from 0) that hold a quiet party of their own.

    Such a channel speaks, well above its own noise, while the loudest one is silent.
    """
    if len(measured) < OWN_PARTS or measured.shape[1] < 2:
        return {}
    decibels = 10 * np.log10(measured + 1e-3)
    active = decibels > np.maximum(
        np.percentile(decibels, 10, axis=0) + ABOVE_NOISE, 10 * np.log10(AUDIBLE)
    )
    usual = np.array(
        [
            np.median(column[mask]) if mask.sum() >= OWN_PARTS else -np.inf
            for column, mask in zip(decibels.T, active.T, strict=True)
        ]
    )
    loudest = int(usual.argmax())
    if not np.isfinite(usual[loudest]):
        return {}
    alone = decibels[:, loudest] < usual[loudest] - OTHERS_SILENT
    raised = {}
    for channel, level in enumerate(usual):
        own = (active[:, channel] & alone).sum()
        mostly = own >= max(OWN_PARTS, 0.3 * active[:, channel].sum())
        if mostly and QUIETER <= usual[loudest] - level <= QUIETEST:
            raised[channel] = round(float(usual[loudest] - level), 1)
    return raised
