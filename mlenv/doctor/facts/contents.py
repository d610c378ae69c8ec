"""Contents of installed files, compared where a part of the job failed and no size differs.

A disk that returns zeros, a page that was written when the power failed, a library that a tool
patched: sizes tell nothing of them, and all contents are gigabytes. So the packages that the last
words of what failed go through come first, and all others only where those are whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from mlenv.doctor.facts.packages import Distribution, Packages, normalized
from mlenv.doctor.facts.trial import Tried

Look = Callable[[Collection[str]], Packages]

# Failures of another kind: something is not there at all.
_MISSING = ("ModuleNotFoundError", "PackageNotFoundError", "FileNotFoundError")


def compared(installed: Packages, trial: Sequence[Tried], look: Look) -> Packages:
    """The packages, with files whose contents differ.

    `look`: compares the contents of the distributions of these names.
    """
    suspects = [tried for tried in trial if _is_suspect(tried)]
    if not suspects or installed.damages or installed.hashed:
        return installed
    words = "\n".join(tried.last_words for tried in suspects)
    named = {d.name for d in installed.distributions if _is_named(d, words)}
    ended = any((tried.exit_code or 0) < 0 for tried in suspects)
    rest = {
        d.name
        for d in installed.distributions
        if d.name not in named and (ended or not d.name.startswith("nvidia-"))
    }
    for names in filter(None, (named, rest)):
        if damages := look(names).damages:
            return replace(installed, damages=damages)
    return installed


def _is_suspect(tried: Tried) -> bool:
    last = (tried.last_words.rstrip().splitlines() or [""])[-1]
    missing = last.startswith(_MISSING)
    return tried.failed and not (tried.alone or tried.lacks or tried.timed_out or missing)


def _is_named(distribution: Distribution, words: str) -> bool:
    """Tell if last words have a path of that package: its folder, or that of its libraries."""
    paths = re.findall(rf"{re.escape(distribution.location)}/([\w.-]+)", words)
    return any(normalized(name.removesuffix(".libs")) == distribution.name for name in paths)
