"""Compare versions as Python packages number them (PEP 440), without their local labels.

Drivers (`550.54.14`), glibc (`2.28`) and CUDA code (`8.6+PTX`) are numbered in the same way.
"""

from __future__ import annotations

from functools import cache

from packaging.version import InvalidVersion, Version


@cache
def parse(text: str | None) -> Version | None:
    """Read a version, leaving out its local label (`2.5.1+cu121` is 2.5.1); None: it is none."""
    try:
        return Version((text or "").partition("+")[0])
    except InvalidVersion:
        return None


def at_least(version: str | None, minimum: str) -> bool:
    """Compare with a minimum; pre-releases come before it. False for text that is no version."""
    own, least = parse(version), parse(minimum)
    return own is not None and least is not None and own >= least


def below(version: str | None, limit: str) -> bool:
    """Compare with a limit; its pre-releases are below it. False for text that is no version."""
    own, end = parse(version), parse(limit)
    return own is not None and end is not None and own < end


def release(text: str | None) -> tuple[int, ...]:
    """Return the numbers alone, for arithmetic: (2, 5, 1); empty for text that is no version."""
    version = parse(text)
    return version.release if version else ()


def major_minor(text: str | None) -> str:
    """Return the first two numbers, as tables name them: `2.5` of `2.5.1+cu124`."""
    return ".".join(map(str, release(text)[:2]))
